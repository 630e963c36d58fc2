using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>Other firewalls in the way of what the server forwards for a safe.</summary>
public class ObstacleTests
{
    [Theory]
    [Trait("needs", "root")]
    [InlineData("table ip filter { chain DOCKER-USER { }\n chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }\n}", "ip filter", "FORWARD", FirewallKind.Docker)]
    [InlineData("table ip filter { chain ufw-user-forward { }\n chain FORWARD { type filter hook forward priority filter; policy drop; jump ufw-user-forward; }\n}", "ip filter", "FORWARD", FirewallKind.Ufw)]
    [InlineData("table inet firewalld { chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state { established, related } accept; reject with icmpx admin-prohibited; }\n}", "inet firewalld", "filter_FORWARD", FirewallKind.Firewalld)]
    [InlineData("table inet mine { chain passing { type filter hook forward priority 0; policy accept; ct state established accept; counter drop; }\n}", "inet mine", "passing", FirewallKind.Other)]
    public async Task A_firewall_that_drops_what_it_does_not_name_is_named_until_it_names_the_safes_link(string rules, string table, string chain, FirewallKind kind)
    {
        await using var server = await TestServer.WithNetworkAsync();
        Assert.Empty(await Obstacle.FindAsync(server.Server));
        await TestServer.NftAsync(server.Server, rules + "\n");
        Assert.Equal([new Obstacle(table, chain, kind)], (await server.Network.LookAfterAsync()).Obstacles);
        await TestServer.NftAsync(server.Server, $"insert rule {table} {chain} oifname \"safe-83-16\" accept\n");
        Assert.Empty((await server.Network.LookAfterAsync()).Obstacles);
    }

    [Fact]
    [Trait("needs", "root")]
    public async Task One_that_lets_everything_pass_or_looks_at_other_ways_is_none()
    {
        await using var server = await TestServer.WithNetworkAsync();
        await TestServer.NftAsync(server.Server, """
            table inet mine {
              chain passing { type filter hook forward priority 0; policy accept; ct state invalid drop; iifname "eth7" drop; }
              chain input { type filter hook input priority 0; policy drop; }
              chain drop_all { drop; }
            }
            table bridge mine { chain forward { type filter hook forward priority 0; policy drop; }
            }

            """);
        Assert.Empty(await Obstacle.FindAsync(server.Server));
    }
}
