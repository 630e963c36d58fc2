using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>Two safes' networks on one server, which production has not and tests do.</summary>
[Trait("needs", "root")]
public class TwoSafesTests
{
    [Fact]
    public async Task They_share_no_link_no_table_no_address_and_no_port_and_their_hosts_do_not_reach_each_other()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string before = await Tool.RunAsync("nft", ["list", "ruleset"], network: server.Server);
        var plan = new NetworkPlan(server.At("second"), SafeAddresses.Parse("10.84.16.0/20"), UlaPrefix.Of([.. new byte[15], 1]), TestServer.Port + 1) { ServerNamespacePin = server.Server };
        using var second = await SafeNetwork.CreateAsync(plan);
        try
        {
            string[] one = await NamesAsync(server.Plan.NamespacePin), two = await NamesAsync(plan.NamespacePin);
            Assert.Empty(one.Intersect(two));
            Assert.Empty((await LinksAsync(server.Plan)).Intersect(await LinksAsync(plan)));
            Assert.StartsWith(before, await Tool.RunAsync("nft", ["list", "ruleset"], network: server.Server), StringComparison.Ordinal);

            string here = await server.HostAsync(10);
            (await second.OpenHostPortAsync(second.Port(10))).Dispose();
            string there = await server.SpaceAsync("there");
            await TestServer.IpAsync(plan.NamespacePin, $"link add h10 type veth peer name eth0 netns {there}\nlink set h10 addrgenmode none master inside up");
            await TestServer.IpAsync(there, $"link set eth0 addrgenmode none address {second.Port(10).Mac} up\naddr add {second.Port(10).Address}/24 dev eth0\n" +
                $"addr add {second.Port(10).Address6}/64 dev eth0 nodad\nroute add default via {plan.Addresses.InsideGateway}");
            await second.LetThroughAsync(second.Port(10));
            using var listener = TestServer.Listen(there, 22);
            // As if it were on its own link: a host with root has the route it wants.
            await TestServer.IpAsync(here, $"route add {second.Port(10).Address}/32 dev eth0\nroute add {second.Port(10).Address6}/128 dev eth0");
            Assert.False(await TestServer.ReachesAsync(here, null, second.Port(10).Address, 22));
            Assert.False(await TestServer.ReachesAsync(here, null, second.Port(10).Address6, 22));
        }
        finally
        {
            await second.RemoveAsync();
        }
    }

    [Theory]
    [InlineData("10.83.17.77/24")]
    [InlineData("10.83.31.255/32")]
    public async Task Addresses_that_a_link_of_the_server_has_are_refused(string address)
    {
        await using var server = await TestServer.StartAsync();
        await TestServer.IpAsync(server.Server, $"addr add {address} dev outside");
        var refused = await Assert.ThrowsAsync<NetworkException>(() => SafeNetwork.CreateAsync(server.Plan));
        Assert.Equal(NetworkFailure.AddressesTaken, refused.Failure);
        Assert.Contains("outside", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(server.Plan.NamespacePin));
        await TestServer.IpAsync(server.Server, $"addr delete {address} dev outside");
        (await SafeNetwork.CreateAsync(server.Plan)).Dispose();
        (await SafeNetwork.CreateAsync(server.Plan)).Dispose();      // its own are not in its way
    }

    // Addresses and MACs of links; those of loopback are everybody's.
    private static async Task<string[]> NamesAsync(string pin) =>
        [.. (await Tool.RunAsync("ip", ["-o", "addr", "show"], network: pin)).Split('\n').Where(l => l.Contains(" inet", StringComparison.Ordinal) && !l.Contains(": lo", StringComparison.Ordinal))
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3])];

    private static async Task<string[]> LinksAsync(NetworkPlan plan) =>
        [.. (await Tool.RunAsync("ip", ["-o", "link", "show"], network: plan.ServerNamespacePin)).Split('\n').Where(l => l.Contains($": safe-{plan.Addresses.Prefix.Split('.')[1]}", StringComparison.Ordinal))];
}
