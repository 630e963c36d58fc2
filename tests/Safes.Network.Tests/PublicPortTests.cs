using System.Net;
using System.Net.Sockets;
using System.Text;
using Safes.Linux;

namespace Safes.Network.Tests;

[Trait("needs", "root")]
public class PublicPortTests
{
    private static readonly IPAddress ServerAddress = IPAddress.Parse(TestServer.ServerAddress), DeviceAddress = IPAddress.Parse(TestServer.DeviceAddress);

    [Fact]
    public async Task The_public_port_leads_to_the_gateway_and_its_answers_come_back()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string gateway = await server.GatewayAsync();
        using var listener = Udp(gateway, TestServer.Port);
        using var device = Udp(server.Device, 4000);
        device.SendTo("hello"u8, new IPEndPoint(ServerAddress, TestServer.Port));
        var (text, from) = await HearAsync(listener);
        Assert.Equal("hello", text);
        Assert.Equal(new IPEndPoint(DeviceAddress, 4000), from);
        listener.SendTo("answer"u8, from!);
        var (answer, by) = await HearAsync(device);
        Assert.Equal("answer", answer);
        Assert.Equal(new IPEndPoint(ServerAddress, TestServer.Port), by);
    }

    [Fact]
    public async Task A_hostile_gateway_reaches_neither_the_server_nor_beyond()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string gateway = await server.GatewayAsync();
        IPAddress router = server.Addresses.UplinkRouter, further = IPAddress.Parse(TestServer.FurtherAddress);
        using var atServer = TestServer.Listen(server.Server, 8000);
        using var atDevice = TestServer.Listen(server.Device, 8000);
        using var datagrams = Udp(server.Device, 4000);
        using var hostile = Udp(gateway, TestServer.Port);
        foreach (var to in (IPAddress[])[router, ServerAddress, further, DeviceAddress])
        {
            Assert.False(await TestServer.ReachesAsync(gateway, null, to, 8000), $"{to} from the gateway");
        }

        hostile.SendTo("unasked"u8, new IPEndPoint(DeviceAddress, 4000));

        // The bridge's rules and the server's each suffice.
        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table bridge safe\n");
        foreach (var to in (IPAddress[])[router, ServerAddress, further, DeviceAddress])
        {
            Assert.False(await TestServer.ReachesAsync(gateway, null, to, 8000), $"{to} from the gateway, with the bridges open");
        }

        hostile.SendTo("unasked"u8, new IPEndPoint(DeviceAddress, 4000));
        await TestServer.NftAsync(server.Server, "delete table inet safes_83_16\n");
        foreach (var to in (IPAddress[])[router, ServerAddress, further, DeviceAddress])
        {
            Assert.True(await TestServer.ReachesAsync(gateway, null, to, 8000), $"{to} from the gateway, with the rules gone");
        }

        hostile.SendTo("opened on purpose"u8, new IPEndPoint(DeviceAddress, 4000));
        Assert.Equal("opened on purpose", (await HearAsync(datagrams)).Text);
    }

    [Fact]
    public async Task The_server_forwards_for_nobody_else()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string third = await server.SpaceAsync("third");
        await TestServer.IpAsync(server.Server, $"""
            link add more type veth peer name eth0 netns {third}
            addr add 203.0.113.1/24 dev more
            link set more up
            """);
        await TestServer.IpAsync(third, """
            addr add 203.0.113.2/24 dev eth0
            link set eth0 up
            route add default via 203.0.113.1
            """);
        using var listener = TestServer.Listen(third, 8000);
        var to = IPAddress.Parse("203.0.113.2");
        await server.Network.RemoveAsync();
        Assert.False(await TestServer.ReachesAsync(server.Device, null, to, 8000));
        using var again = await SafeNetwork.CreateAsync(server.Plan);
        Assert.False(await TestServer.ReachesAsync(server.Device, null, to, 8000));
        await TestServer.NftAsync(server.Server, "delete table inet safes_83_16\n");
        Assert.True(await TestServer.ReachesAsync(server.Device, null, to, 8000));
    }

    [Fact]
    public async Task A_port_that_somebody_listens_on_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        using (Udp(server.Server, TestServer.Port))
        {
            var refused = await Assert.ThrowsAsync<NetworkException>(() => SafeNetwork.CreateAsync(server.Plan));
            Assert.Equal(NetworkFailure.PortTaken, refused.Failure);
            Assert.False(File.Exists(server.Plan.NamespacePin));
        }

        using var network = await SafeNetwork.CreateAsync(server.Plan);
        var second = await Assert.ThrowsAsync<NetworkException>(() => SafeNetwork.CreateAsync(server.Plan));
        Assert.Equal(NetworkFailure.PortTaken, second.Failure);
    }

    private static Socket Udp(string pin, int port) => Sched.InNetwork(pin, () =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        return socket;
    });

    private static async Task<(string Text, IPEndPoint? From)> HearAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        byte[] buffer = new byte[100];
        var got = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), limit.Token);
        return (Encoding.ASCII.GetString(buffer, 0, got.ReceivedBytes), got.RemoteEndPoint as IPEndPoint);
    }
}
