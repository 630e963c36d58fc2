using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Vm.Tests.Gateway;

/// <summary>Measures how fast bytes pass over TCP, each direction for itself. The other end is a <see cref="BulkServer"/>.</summary>
internal static class Throughput
{
    /// <summary>Megabits a second from the device and to it.</summary>
    public static async Task<(double Up, double Down)> MeasureAsync(string pin, IPAddress to, int port, int bytes, CancellationToken stop) =>
        (await OneWayAsync(pin, to, port, bytes, up: true, stop), await OneWayAsync(pin, to, port, bytes, up: false, stop));

    private static async Task<double> OneWayAsync(string pin, IPAddress to, int port, int bytes, bool up, CancellationToken stop)
    {
        using var socket = Sched.InNetwork(pin, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        BulkServer.AsDebianSends(socket);
        await socket.ConnectAsync(to, port, stop);
        byte[] wish = new byte[5];
        wish[0] = up ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(wish.AsSpan(1), bytes);
        await socket.SendAsync(wish, stop);
        var begin = BootClock.Now;
        byte[] buffer = new byte[1 << 18];
        if (up)
        {
            await BulkServer.SendAsync(socket, bytes, stop);
            await BulkServer.ReceiveAsync(socket, 1, stop);
        }
        else
        {
            await BulkServer.ReceiveAsync(socket, bytes, stop);
        }

        return bytes * 8 / (BootClock.Now - begin).TotalSeconds / 1e6;
    }
}

/// <summary>Takes as many bytes as it is told to expect and says so, or sends as many as it is asked for.</summary>
internal sealed class BulkServer : IDisposable
{
    private readonly Socket listener;

    public BulkServer(Socket listener)
    {
        this.listener = listener;
        _ = AcceptAsync();
    }

    public void Dispose() => listener.Dispose();

    internal static async Task SendAsync(Socket socket, int bytes, CancellationToken stop)
    {
        byte[] buffer = new byte[1 << 18];
        while (bytes > 0)
        {
            bytes -= await socket.SendAsync(buffer.AsMemory(0, Math.Min(bytes, buffer.Length)), stop);
        }
    }

    internal static async Task ReceiveAsync(Socket socket, int bytes, CancellationToken stop)
    {
        byte[] buffer = new byte[1 << 18];
        while (bytes > 0)
        {
            int n = await socket.ReceiveAsync(buffer.AsMemory(0, Math.Min(bytes, buffer.Length)), stop);
            bytes -= n > 0 ? n : throw new EndOfStreamException();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await listener.AcceptAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Its end.
        }
    }

    /// <summary>By the congestion control that Debian has without settings, whatever this machine's is: one that guesses at the path's speed measures its guesses.</summary>
    internal static void AsDebianSends(Socket socket) => socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, 13, "cubic"u8);

    private static async Task ServeAsync(Socket socket)
    {
        using var held = socket;
        AsDebianSends(socket);
        byte[] wish = new byte[5];
        for (int have = 0; have < wish.Length;)
        {
            have += await socket.ReceiveAsync(wish.AsMemory(have));
        }

        int bytes = BinaryPrimitives.ReadInt32BigEndian(wish.AsSpan(1));
        if (wish[0] == 1)
        {
            await ReceiveAsync(socket, bytes, default);
            await socket.SendAsync(new byte[1]);
        }
        else
        {
            await SendAsync(socket, bytes, default);
        }
    }
}
