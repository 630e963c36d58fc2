using System.Net.Sockets;

namespace Safes.Vm.Tests.Gateway;

/// <summary>Sends back what it receives, on each connection of a listening socket.</summary>
internal sealed class EchoServer : IDisposable
{
    private readonly Socket listener;

    public EchoServer(Socket listener)
    {
        this.listener = listener;
        _ = AcceptAsync();
    }

    public void Dispose() => listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = EchoAsync(await listener.AcceptAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Its end.
        }
    }

    private static async Task EchoAsync(Socket socket)
    {
        using var held = socket;
        byte[] buffer = new byte[65536];
        try
        {
            int n;
            while ((n = await socket.ReceiveAsync(buffer)) > 0)
            {
                for (var rest = buffer.AsMemory(0, n); !rest.IsEmpty;)
                {
                    rest = rest[await socket.SendAsync(rest)..];
                }
            }

            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The other side has gone.
        }
    }
}
