using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Network;

namespace Safes.Hypervisor.Ways;

/// <summary>What stands in the way of a safe's network in the server's own firewall, in words for its administrator.</summary>
internal static class NetworkWords
{
    /// <summary>The line of `safed status`.</summary>
    public static KernelFact Fact(NetworkCondition condition, SafeAddresses addresses) => (condition.Failure, condition.Obstacles) switch
    {
        ({ } e, _) => Fact($"what the safe needs in this server's firewall cannot be made: {e.Message.ReplaceLineEndings(" ")}; nothing is forwarded for it without its rules", false),
        (_, []) => Fact("the safe's rules, links and forwarding are as they should be", true),
        (_, var obstacles) => Fact($"{What(obstacles)}: devices do not reach the gateway; {Do(obstacles, addresses)}", false),
    };

    /// <summary>The same where safed does not run.</summary>
    public static async Task<KernelFact> FactWithoutWatchAsync(string network)
    {
        try
        {
            var obstacles = await Obstacle.FindAsync().ConfigureAwait(false);
            return obstacles.Count == 0
                ? Fact("nobody looks after the safe's rules while safed does not run; no other firewall is in its way", true)
                : Fact($"{What(obstacles)}: {Do(obstacles, SafeAddresses.Parse(network))}", false);
        }
        catch (Exception e) when (e is IOException or System.Text.Json.JsonException)
        {
            return Fact($"cannot be looked at: {e.Message.ReplaceLineEndings(" ")}", false);
        }
    }

    /// <summary>What was made anew: "rules, forwarding".</summary>
    public static string What(Missing mended) => string.Join(", ", Words.Where(w => mended.HasFlag(w.Missing)).Select(w => w.Word));

    public static string What(IReadOnlyList<Obstacle> obstacles) =>
        string.Join(", ", obstacles.Select(o => $"chain {o.Chain} of table {o.Table}{(o.Kind == FirewallKind.Other ? "" : $" ({o.Kind})")}")) +
        (obstacles.Count == 1 ? " drops forwarded packets that it does not name" : " drop forwarded packets that they do not name");

    public static string Do(IReadOnlyList<Obstacle> obstacles, SafeAddresses addresses)
    {
        var (uplink, world) = SafeNetwork.ServerLinks(addresses);
        return string.Join("; ", obstacles.Select(o => Do(o, uplink, world)).Distinct());
    }

    /// <summary>What lets the safe's packets pass there; the safe's own rules still drop all that it does not need.</summary>
    public static string Do(Obstacle obstacle, string uplink, string world) => obstacle.Kind switch
    {
        FirewallKind.Docker => $"iptables -I DOCKER-USER -i {uplink} -j ACCEPT; iptables -I DOCKER-USER -o {uplink} -j ACCEPT; the same for {world}",
        FirewallKind.Ufw when !uplink.EndsWith('+') => $"ufw route allow in on {uplink}; ufw route allow out on {uplink}; the same for {world}",
        _ => $"let it accept what comes in or goes out by the links {uplink} and {world}",
    };

    private static readonly (Missing Missing, string Word)[] Words =
    [
        (Missing.Rules, "rules"), (Missing.Link, "link"), (Missing.Forwarding, "forwarding"), (Missing.Settings, "settings of the link"),
        (Missing.Leave, "the guard of forwarding, which the whole server now has"),
    ];

    private static KernelFact Fact(string value, bool safe) => new() { Name = "firewall", Value = value, Safe = safe };
}
