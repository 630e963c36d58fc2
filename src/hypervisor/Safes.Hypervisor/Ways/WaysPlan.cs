using System.Net;
using Safes.Hypervisor.Rules;
using Safes.Network;
using Safes.Rules;

namespace Safes.Hypervisor.Ways;

/// <summary>What the owners' rules mean for the inside network, with hosts by their numbers. A name in a rule that no host has means nothing.</summary>
/// <param name="In">What devices with a session reach.</param>
/// <param name="Groups">Hosts that are cut apart from all that are not in the same one; no host is in two.</param>
public sealed record WaysPlan(WaysIn In, IReadOnlyList<IReadOnlyCollection<int>> Groups)
{
    /// <param name="hosts">All hosts' numbers by their names.</param>
    public static WaysPlan Of(RuleKeeper rules, IReadOnlyDictionary<string, int> hosts, Func<int, IPAddress> address) =>
        rules.Problem is null ? Of(rules.Book.Standing.Select(s => s.Rule), rules.DataOut, hosts, address) : Nothing(hosts);

    /// <summary>Closed mode leaves devices no way in at all: whatever they reach could carry data out.</summary>
    public static WaysPlan Of(IEnumerable<Rule> standing, DataOut mode, IReadOnlyDictionary<string, int> hosts, Func<int, IPAddress> address)
    {
        Rule[] rules = [.. standing];
        var groups = rules.OfType<GroupRule>().Select(g => g.Hosts.Where(hosts.ContainsKey).Select(h => hosts[h]).ToArray()).Where(g => g.Length > 0);
        var services = rules.OfType<ExposeRule>().Where(e => hosts.ContainsKey(e.Host)).Select(e => new ServicePort(address(hosts[e.Host]), e.Port));
        return new WaysPlan(mode is DataOut.Closed ? WaysIn.None : new WaysIn(true, [.. services]), [.. groups]);
    }

    /// <summary>Rules that are not whole allow nothing: no device comes in, and each host is by itself.</summary>
    private static WaysPlan Nothing(IReadOnlyDictionary<string, int> hosts) => new(WaysIn.None, [.. hosts.Values.Select(n => new[] { n })]);
}
