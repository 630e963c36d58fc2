using Safes.Linux;

namespace Safes.Network.Tests;

[Trait("needs", "root")]
public class SafeNetworkTests
{
    [Fact]
    public async Task A_network_that_is_taken_away_leaves_nothing()
    {
        await using var server = await TestServer.StartAsync();
        string before = await LookAsync(server.Server);
        using var network = await SafeNetwork.CreateAsync(server.Plan);
        Assert.NotEqual(before, await LookAsync(server.Server));
        using var tap = await network.OpenHostPortAsync(network.Port(10));
        using var ports = network.OpenGatewayPorts();
        await network.RemoveAsync();
        Assert.Equal(before, await LookAsync(server.Server));
        Assert.False(NetworkNamespace.Exists(server.Plan.NamespacePin));
        Assert.False(File.Exists(server.Plan.NamespacePin));
        await SafeNetwork.RemoveAsync(server.Plan);
    }

    [Fact]
    public async Task A_second_make_keeps_ports_devices_and_taps_as_they_are()
    {
        await using var server = await TestServer.StartAsync();
        var first = await SafeNetwork.CreateAsync(server.Plan);
        using var tap = await first.OpenHostPortAsync(first.Port(10));
        await first.LetThroughAsync(first.Port(10));
        await first.AllowDevicesAsync([server.Addresses.Device(3)]);
        using var ports = first.OpenGatewayPorts();
        string safe = await LookAsync(server.Plan.NamespacePin), outside = await LookAsync(server.Server);
        first.Dispose();

        using var second = await SafeNetwork.CreateAsync(server.Plan);
        Assert.Equal(safe, await LookAsync(server.Plan.NamespacePin));
        Assert.Equal(outside, await LookAsync(server.Server));
        Assert.Contains("h10", safe, StringComparison.Ordinal);
        Assert.Contains("10.83.16.5", safe, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_gateways_ports_are_opened_once_at_a_time_and_stay_when_it_ends()
    {
        await using var server = await TestServer.WithNetworkAsync();
        using (server.Network.OpenGatewayPorts())
        {
            var held = Assert.Throws<NetworkException>(server.Network.OpenGatewayPorts);
            Assert.Equal(NetworkFailure.GatewayPortHeld, held.Failure);
        }

        using var again = server.Network.OpenGatewayPorts();
    }

    [Fact]
    public async Task A_hosts_port_ends_with_its_descriptor_and_begins_cut()
    {
        await using var server = await TestServer.WithNetworkAsync();
        var port = server.Network.Port(10);
        using (await server.Network.OpenHostPortAsync(port))
        {
            await server.Network.LetThroughAsync(port);
            Assert.Contains("h10", await Tool.RunAsync("ip", ["link", "show", "master", "inside"], network: server.Plan.NamespacePin), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("h10", await Tool.RunAsync("ip", ["link"], network: server.Plan.NamespacePin), StringComparison.Ordinal);
        using var again = await server.Network.OpenHostPortAsync(port);
        Assert.DoesNotContain("h10", await Tool.RunAsync("nft", ["list", "set", "bridge", "safe", "through"], network: server.Plan.NamespacePin), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_letting_through_that_comes_after_the_cut_of_closing_lets_nobody_through()
    {
        await using var server = await TestServer.WithNetworkAsync();
        HostPort[] ports = [.. Enumerable.Range(10, 8).Select(server.Network.Port)];
        using var closing = new CancellationTokenSource();
        var let = ports.Select(p => server.Network.LetThroughAsync(p, closing.Token)).ToList();    // one in its turn, the others waiting for theirs
        _ = closing.CancelAsync();
        await server.Network.CutAllAsync();
        let.AddRange(ports.Select(p => server.Network.LetThroughAsync(p, closing.Token)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(let));
        Assert.DoesNotContain("h1", await Tool.RunAsync("nft", ["list", "set", "bridge", "safe", "through"], network: server.Plan.NamespacePin), StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_link_of_the_safe_has_an_address_but_control()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string addresses = await Tool.RunAsync("ip", ["-o", "addr", "show"], network: server.Plan.NamespacePin);
        Assert.Equal("control", Assert.Single(addresses.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }

    // Links, addresses, rules and what is forwarded, without what differs by itself.
    private static async Task<string> LookAsync(string pin)
    {
        string links = await Tool.RunAsync("ip", ["-o", "addr", "show"], network: pin);
        string names = string.Join(' ', (await Tool.RunAsync("ip", ["-o", "link", "show"], network: pin)).Split('\n').Where(l => l.Length > 0).Select(l => l.Split(": ")[1]));
        string rules = await Tool.RunAsync("nft", ["list", "ruleset"], network: pin);
        string forwarding = Sched.InNetwork(pin, () => string.Join(' ', Directory.GetDirectories("/proc/sys/net/ipv4/conf").Order()
            .Select(d => $"{Path.GetFileName(d)}={File.ReadAllText(Path.Combine(d, "forwarding")).Trim()}")));
        return $"{names}\n{links}\n{rules}\n{forwarding}";
    }
}
