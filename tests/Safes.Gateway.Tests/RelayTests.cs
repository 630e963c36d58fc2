using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Safes.Gateway.Relay;

namespace Safes.Gateway.Tests;

public class RelayTests
{
    private static readonly IPEndPoint AnyPort = new(IPAddress.Loopback, 0);

    [Fact]
    public async Task Bytes_pass_both_ways_and_an_end_is_passed_on()
    {
        using var target = Listen();
        using var relay = ControlRelay.Start(AnyPort, (IPEndPoint)target.LocalEndPoint!);
        using var device = await ConnectAsync(relay.Listen);
        using var safed = await target.AcceptAsync(TestContext.Current.CancellationToken);
        byte[] sent = RandomNumberGenerator.GetBytes(1 << 20);
        var sending = SendAsync(device, sent);
        Assert.Equal(sent, await ReceiveAsync(safed));
        await sending;
        var answering = SendAsync(safed, sent);
        Assert.Equal(sent, await ReceiveAsync(device));
        await answering;
    }

    [Fact]
    public async Task A_device_has_so_many_connections_and_no_more_until_one_ends()
    {
        using var target = Listen();
        using var relay = ControlRelay.Start(AnyPort, (IPEndPoint)target.LocalEndPoint!);
        var mine = new List<Socket>();
        for (int i = 0; i < ControlRelay.PerDevice; i++)
        {
            mine.Add(await ConnectAsync(relay.Listen));
            mine.Add(await target.AcceptAsync(TestContext.Current.CancellationToken));
        }

        using var more = await ConnectAsync(relay.Listen);
        Assert.Equal(0, await more.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken));
        mine[0].Dispose();
        mine[1].Dispose();
        var accepted = target.AcceptAsync(TestContext.Current.CancellationToken).AsTask();
        for (bool carried = false; !carried;)
        {
            using var again = await ConnectAsync(relay.Listen);
            carried = await Task.WhenAny(accepted, again.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken).AsTask()) == accepted;
        }

        mine.ForEach(s => s.Dispose());
    }

    [Fact]
    public async Task Nobody_listening_at_safed_ends_the_devices_connection()
    {
        IPEndPoint nobody;
        using (var closed = Listen())
        {
            nobody = (IPEndPoint)closed.LocalEndPoint!;
        }

        using var relay = ControlRelay.Start(AnyPort, nobody);
        using var device = await ConnectAsync(relay.Listen);
        Assert.Equal(0, await device.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken));
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(AnyPort);
        socket.Listen(64);
        return socket;
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint to)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(to);
        return socket;
    }

    private static async Task SendAsync(Socket socket, byte[] bytes)
    {
        for (var rest = bytes.AsMemory(); !rest.IsEmpty;)
        {
            rest = rest[await socket.SendAsync(rest)..];
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task<byte[]> ReceiveAsync(Socket socket)
    {
        var got = new MemoryStream();
        byte[] buffer = new byte[65536];
        int n;
        while ((n = await socket.ReceiveAsync(buffer)) > 0)
        {
            got.Write(buffer, 0, n);
        }

        return got.ToArray();
    }
}
