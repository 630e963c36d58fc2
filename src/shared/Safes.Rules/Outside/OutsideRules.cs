using System.Net;

namespace Safes.Rules.Outside;

/// <summary>
/// The rules for what hosts reach outside, as they hold at a moment. <see cref="Decide"/> and the proxy's configuration
/// (<see cref="SquidConfiguration"/>) say the same, which a test with the real proxy compares.
/// </summary>
/// <param name="Permits">What holds, by the rules' numbers.</param>
/// <param name="Ended">What held once, to say so.</param>
/// <param name="Hosts">The safe's hosts and their inside addresses.</param>
public sealed record OutsideRules(IReadOnlyList<Permit> Permits, IReadOnlyList<Permit> Ended, IReadOnlyDictionary<string, IPAddress> Hosts)
{
    /// <summary>A rule for a host that is no more lets nothing through, until there is one of that name again.</summary>
    public static OutsideRules Of(IEnumerable<StandingRule> standing, IReadOnlyDictionary<string, IPAddress> hosts, DateTimeOffset now)
    {
        var all = standing.Where(s => s.Rule is AllowRule).Select(s => Permit.Of(s.Number, (AllowRule)s.Rule)).OfType<Permit>()
            .Where(p => p.From == "*" || hosts.ContainsKey(p.From)).OrderBy(p => p.Rule).ToArray();
        return new OutsideRules([.. all.Where(p => !p.HasEnded(now))], [.. all.Where(p => p.HasEnded(now))], hosts);
    }

    /// <summary>When the next of them ends; null: none does.</summary>
    public DateTimeOffset? NextEnd =>
        Permits.Where(p => p.Until != 0).Select(p => (DateTimeOffset?)DateTimeOffset.FromUnixTimeSeconds(p.Until)).Min();

    /// <summary>Whether a rule for the host holds, so that it is to know the proxy.</summary>
    public bool Concerns(string host) => Permits.Any(p => p.IsFor(host));

    /// <summary>What becomes of a request. Whether the name leads to an address that may be reached is seen only when it is asked.</summary>
    public Decision Decide(OutsideRequest request)
    {
        if (request.IsAddress)
        {
            return new Decision(Verdict.Address, 0, false, 0);
        }

        Permit[] found = [.. Permits.Where(p => p.IsFor(request.Host, request.Name, request.Port))];
        Permit[] takes = [.. found.Where(p => p.Takes(request.Method) && p.TakesUpload(request.UploadBytes))];
        if (takes.Length > 0)
        {
            return new Decision(
                Verdict.Allowed, takes[0].Rule, found.All(p => p.Looks), takes.Any(p => p.Download == 0) ? 0 : takes.Max(p => p.Download));
        }

        if (found.Length > 0)
        {
            return new Decision(found[0].Takes(request.Method) ? Verdict.Upload : Verdict.Method, found[0].Rule, found.All(p => p.Looks), 0);
        }

        var ended = Ended.LastOrDefault(p => p.IsFor(request.Host, request.Name, request.Port));
        return new Decision(ended is null ? Verdict.NoRule : Verdict.Ended, ended?.Rule ?? 0, false, 0);
    }
}
