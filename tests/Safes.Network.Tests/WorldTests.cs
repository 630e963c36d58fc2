using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>What the proxy host reaches, and who reaches it; the internet is what lies behind the server's links.</summary>
[Trait("needs", "root")]
public class WorldTests
{
    private const string Public = "151.101.2.1", Resolver = "192.0.2.53", Private = "192.168.7.7", Metadata = "169.254.169.254";

    private static WorldPlan Plan(TestServer server, params int[] hosts) => new(
        [.. hosts.Select(h => server.Addresses.Host(h))], [80, 443], [IPAddress.Parse(Resolver)],
        ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16", "198.51.100.0/24", "224.0.0.0/4"]);

    [Fact]
    public async Task The_proxy_reaches_public_addresses_at_the_rules_ports_and_the_resolvers_and_nothing_else()
    {
        await using var server = await InternetAsync();
        await server.Network.OpenWorldAsync(Plan(server, 10));
        string proxy = await ProxyAsync(server), safed = server.Plan.NamespacePin;
        string gateway = await server.GatewayAsync(), host = await server.HostAsync(10);
        var addresses = server.Addresses;
        int[] ports = [53, 80, 443, 8000];
        using var listening = new Listeners([server.Device, server.Server, gateway, host, safed], [.. ports, 22, SafeAddresses.ControlPort]);

        Assert.Empty(await WrongAsync(proxy, ports, addresses));
        await server.Network.OpenWorldAsync(Plan(server, 10) with { Unreachable = ["10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", $"{Resolver}/32"] });
        Assert.Empty(await WrongAsync(proxy, ports, addresses));    // the server's own addresses are, wherever they lie
        await server.Network.OpenWorldAsync(Plan(server, 10));

        // The bridge's rules and the server's each suffice for what is outside; without both, the same attempts arrive.
        await TestServer.NftAsync(server.Server, $"delete table {WorldRules.Table(addresses)}\ntable inet nat {{ chain c {{ type nat hook postrouting priority srcnat; ip saddr {addresses.WorldProxy} masquerade; }}\n}}\n");
        await TestServer.NftAsync(server.Server, $"delete table {PublicRules.Table(addresses)}\n");
        Assert.Empty(await WrongAsync(proxy, ports, addresses));
        await server.RemakeNetworkAsync();
        await TestServer.NftAsync(server.Server, "delete table inet nat\n");
        await server.Network.OpenWorldAsync(Plan(server, 10));
        await TestServer.NftAsync(safed, "delete table bridge safe\n");
        Assert.Empty(await WrongAsync(proxy, ports, addresses, inside: false));
        await TestServer.NftAsync(server.Server, $"flush table {WorldRules.Table(addresses)}\nflush table {PublicRules.Table(addresses)}\n");
        await TestServer.NftAsync(server.Server, $"table inet nat {{ chain c {{ type nat hook postrouting priority srcnat; ip saddr {addresses.WorldProxy} masquerade; }}\n}}\n");
        foreach (string to in (string[])[Private, Metadata, TestServer.ServerAddress, $"{addresses.WorldRouter}"])
        {
            Assert.True(await TestServer.ReachesAsync(proxy, null, IPAddress.Parse(to), 443), $"{to} with all rules gone");
        }
    }

    [Fact]
    public async Task Only_hosts_that_a_rule_is_for_reach_the_proxy_and_only_its_port()
    {
        await using var server = await InternetAsync();
        await server.Network.OpenWorldAsync(Plan(server, 10));
        string proxy = await ProxyAsync(server), gateway = await server.GatewayAsync(0);
        string asking = await server.HostAsync(10), other = await server.HostAsync(11);
        await server.Network.AllowDevicesAsync([server.Addresses.Device(0)]);
        using var listening = new Listeners([proxy, asking, other], [22, 80, WorldRules.ProxyPort]);
        var at = server.Addresses.Proxy;
        Assert.True(await TestServer.ReachesAsync(asking, null, at, WorldRules.ProxyPort));
        Assert.False(await TestServer.ReachesAsync(asking, null, at, 22));
        Assert.False(await TestServer.ReachesAsync(other, null, at, WorldRules.ProxyPort));
        Assert.False(await TestServer.ReachesAsync(gateway, null, at, WorldRules.ProxyPort));
        Assert.False(await TestServer.ReachesAsync(gateway, server.Addresses.Device(0), at, 22));
        foreach (int port in (int[])[22, 80, WorldRules.ProxyPort])
        {
            Assert.False(await TestServer.ReachesAsync(proxy, null, server.Addresses.Host(10), port), $"{port} of a host, from the proxy");
            Assert.False(await TestServer.ReachesAsync(proxy, null, server.Addresses.Host(10), port, fromPort: WorldRules.ProxyPort), $"{port} of a host, from the proxy's port");
        }

        // A host goes no way outside but through the proxy, whatever route it takes.
        await TestServer.IpAsync(asking, $"route add {Public}/32 via {at}\naddr add {server.Addresses.WorldProxy}/30 dev eth0\nroute add 151.101.2.2/32 via {server.Addresses.WorldRouter}");
        Assert.False(await TestServer.ReachesAsync(asking, null, IPAddress.Parse(Public), 443));
        Assert.False(await TestServer.ReachesAsync(asking, server.Addresses.WorldProxy, IPAddress.Parse("151.101.2.2"), 443));

        await server.Network.OpenWorldAsync(Plan(server, 11));
        Assert.False(await TestServer.ReachesAsync(asking, null, at, WorldRules.ProxyPort));
        Assert.True(await TestServer.ReachesAsync(other, null, at, WorldRules.ProxyPort));
    }

    [Fact]
    public async Task A_proxy_that_is_cut_reaches_nothing_and_the_world_closes_without_a_trace()
    {
        await using var server = await InternetAsync();
        await server.Network.OpenWorldAsync(Plan(server, 10));
        string proxy = await ProxyAsync(server), host = await server.HostAsync(10);
        using var listening = new Listeners([server.Device, proxy], [443, WorldRules.ProxyPort]);
        var to = IPAddress.Parse(Public);
        Assert.True(await TestServer.ReachesAsync(proxy, null, to, 443));
        await server.RemakeNetworkAsync();
        Assert.True(await TestServer.ReachesAsync(proxy, null, to, 443));
        await server.Network.CutAllAsync();
        Assert.False(await TestServer.ReachesAsync(proxy, null, to, 443));
        await server.Network.LetThroughAsync(server.Network.Port(SafeAddresses.ProxyNumber), server.Network.Port(10));
        Assert.True(await TestServer.ReachesAsync(proxy, null, to, 443));
        await server.Network.CloseWorldAsync();
        Assert.False(await TestServer.ReachesAsync(proxy, null, to, 443));
        Assert.DoesNotContain("world", await Tool.RunAsync("ip", ["-o", "link", "show"], network: server.Server), StringComparison.Ordinal);
        Assert.DoesNotContain("world", await Tool.RunAsync("nft", ["list", "tables"], network: server.Server), StringComparison.Ordinal);
        await server.Network.CloseWorldAsync();
    }

    [Fact]
    public async Task From_the_proxy_to_the_world_goes_nothing_but_IPv4()
    {
        await using var server = await InternetAsync();
        await server.Network.OpenWorldAsync(Plan(server, 10));
        string proxy = await ProxyAsync(server);
        var own = server.Network.Port(SafeAddresses.ProxyNumber);
        var addresses = server.Addresses;
        using var sender = RawLink.Open(proxy, "eth0");
        using var receiver = RawLink.Open(server.Server, WorldLink.LinkOf(addresses));
        sender.Send(Frame.Tcp6("IPv6", own.Mac, WorldLink.Mac, own.Address6, IPAddress.Parse("2001:4860:4860::8888"), 40000, 443));
        sender.Send(Frame.Tcp("IPv4", own.Mac, WorldLink.Mac, addresses.WorldProxy, IPAddress.Parse(Public), 40000, 443, 2));
        Assert.Equal(["IPv4"], await receiver.HearUntilAsync("IPv4", TimeSpan.FromSeconds(5)));
    }

    private static async Task<string[]> WrongAsync(string proxy, int[] ports, SafeAddresses addresses, bool inside = true)
    {
        var wrong = new List<string>();
        foreach (var (to, open) in ((string, int[])[])
            [
                (Public, [80, 443]), (Resolver, [53]), (Private, []), (Metadata, []), (TestServer.ServerAddress, []), (TestServer.FurtherAddress, []), ($"{addresses.WorldRouter}", []),
                ($"{addresses.UplinkRouter}", []), ($"{addresses.ControlHypervisor}", []), .. inside ? ((string, int[])[])[($"{addresses.InsideGateway}", []), ($"{addresses.Host(10)}", [])] : [],
            ])
        {
            foreach (int port in ports)
            {
                if (await TestServer.ReachesAsync(proxy, null, IPAddress.Parse(to), port, milliseconds: 200) != open.Contains(port))
                {
                    wrong.Add($"{to}:{port}");
                }
            }
        }

        return [.. wrong];
    }

    // The device stands for the internet: public, private and metadata addresses lie behind it.
    private static async Task<TestServer> InternetAsync()
    {
        var server = await TestServer.WithNetworkAsync();
        await TestServer.IpAsync(server.Device, string.Join('\n', ((string[])[Public, "151.101.2.2", Resolver, Private, Metadata]).Select(a => $"addr add {a}/32 dev lo")));
        await TestServer.IpAsync(server.Server, string.Join('\n', ((string[])[Public, "151.101.2.2", Resolver, Private, Metadata]).Select(a => $"route add {a}/32 via {TestServer.DeviceAddress}")));
        return server;
    }

    private static async Task<string> ProxyAsync(TestServer server)
    {
        string pin = await server.HostAsync(SafeAddresses.ProxyNumber, through: true);
        await TestServer.IpAsync(pin, $"route delete default\naddr add {server.Addresses.WorldProxy}/30 dev eth0\nroute add default via {server.Addresses.WorldRouter} src {server.Addresses.WorldProxy}");
        return pin;
    }

    private sealed class Listeners(IEnumerable<string> pins, int[] ports) : IDisposable
    {
        private readonly Socket[] sockets = [.. pins.SelectMany(p => ports.Select(port => TestServer.Listen(p, port)))];

        public void Dispose() => Array.ForEach(sockets, s => s.Dispose());
    }
}
