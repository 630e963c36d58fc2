using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>What devices with a session reach in hosts: as the owners open it, and not a moment longer.</summary>
[Trait("needs", "root")]
public class WaysInTests
{
    [Fact]
    public async Task A_service_is_reached_by_devices_with_a_session_and_nothing_else_opens_with_it()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string gateway = await server.GatewayAsync(0, 1), one = await server.HostAsync(10), two = await server.HostAsync(11);
        IPAddress allowed = server.Addresses.Device(0), denied = server.Addresses.Device(1), hostOne = server.Addresses.Host(10), hostTwo = server.Addresses.Host(11);
        (string Pin, int Port)[] listened = [(one, 22), (one, 8888), (one, 8889), (two, 22), (two, 8888), (gateway, 2222)];
        Socket[] listeners = [.. listened.Select(l => TestServer.Listen(l.Pin, l.Port))];
        await server.Network.AllowDevicesAsync([allowed]);
        (string What, Func<Task<bool>> Try, bool Allowed)[] attempts =
        [
            ("the service", () => TestServer.ReachesAsync(gateway, allowed, hostOne, 8888), true),
            ("SSH", () => TestServer.ReachesAsync(gateway, allowed, hostTwo, 22), true),
            ("the service without a session", () => TestServer.ReachesAsync(gateway, denied, hostOne, 8888), false),
            ("a port beside it", () => TestServer.ReachesAsync(gateway, allowed, hostOne, 8889), false),
            ("that port of another host", () => TestServer.ReachesAsync(gateway, allowed, hostTwo, 8888), false),
            ("a device from the service's port", () => TestServer.ReachesAsync(one, null, allowed, 2222, fromPort: 8888), false),
        ];
        await AssertAsync(attempts.Select(a => a with { Allowed = a.What == "SSH" }));
        await server.Network.OpenWaysAsync(new WaysIn(true, [new ServicePort(hostOne, 8888)]));
        await AssertAsync(attempts);
        await server.RemakeNetworkAsync();
        await AssertAsync(attempts);
        await server.Network.OpenWaysAsync(WaysIn.None);
        await AssertAsync(attempts.Select(a => a with { Allowed = false }));

        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table bridge safe\n");
        await AssertAsync(attempts.Select(a => a with { Allowed = true }));
        Array.ForEach(listeners, l => l.Dispose());

        static async Task AssertAsync(IEnumerable<(string What, Func<Task<bool>> Try, bool Allowed)> attempts)
        {
            foreach (var (what, attempt, expected) in attempts)
            {
                Assert.True(expected == await attempt(), $"{what}: expected {expected}");
            }
        }
    }

    [Fact]
    public async Task What_is_taken_back_is_cut_both_ways_at_once()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string gateway = await server.GatewayAsync(0), one = await server.HostAsync(10);
        IPAddress device = server.Addresses.Device(0), host = server.Addresses.Host(10);
        await server.Network.AllowDevicesAsync([device]);
        WaysIn open = new(true, [new ServicePort(host, 8888)]);
        await server.Network.OpenWaysAsync(open);
        foreach (int port in (int[])[8888, 22])
        {
            using var listener = TestServer.Listen(one, port);
            using var from = Sched.InNetwork(gateway, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
            from.Bind(new IPEndPoint(device, 0));
            await from.ConnectAsync(host, port, TestContext.Current.CancellationToken);
            using var at = await listener.AcceptAsync(TestContext.Current.CancellationToken);
            await server.Network.OpenWaysAsync(WaysIn.None);
            from.Send([1]);
            at.Send([2]);
            Assert.False(await TestServer.HearsAsync(at, 700), $"port {port}");
            Assert.False(await TestServer.HearsAsync(from, 300), $"port {port}");
            await server.Network.OpenWaysAsync(open);
            Assert.True(await TestServer.HearsAsync(at, 20_000), $"port {port}");
        }
    }
}
