using System.Buffers;
using System.Net.Sockets;

namespace Safes.Gateway.Relay;

/// <summary>One connection's two directions, each with one buffer: who does not read is not read from.</summary>
internal static class RelayedConnection
{
    private const int BufferSize = 16384;
    private const int Tcp = 6, UserTimeout = 18;

    public static async Task RunAsync(Socket device, Socket hypervisor, CancellationToken stop)
    {
        foreach (var socket in (Socket[])[device, hypervisor])
        {
            socket.NoDelay = true;
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 10);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
            // A device that vanished with bytes under way is given up too.
            socket.SetRawSocketOption(Tcp, UserTimeout, BitConverter.GetBytes(60_000));
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await Task.WhenAll(PumpAsync(device, hypervisor, end), PumpAsync(hypervisor, device, end));
    }

    // An orderly end goes on to the other side and leaves the opposite direction alone; a broken connection ends both.
    private static async Task PumpAsync(Socket from, Socket to, CancellationTokenSource end)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            int n;
            while ((n = await from.ReceiveAsync(buffer.AsMemory(0, BufferSize), end.Token)) > 0)
            {
                for (var rest = buffer.AsMemory(0, n); !rest.IsEmpty;)
                {
                    rest = rest[await to.SendAsync(rest, end.Token)..];
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            await end.CancelAsync();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
