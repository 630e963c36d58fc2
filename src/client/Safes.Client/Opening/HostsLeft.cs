using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Opening;

/// <summary>The hosts of a safe that was just opened, in words: what each does, and how long ago it was left there.</summary>
public static class HostsLeft
{
    /// <summary>desk, build running, as you left them 14 h ago; web degraded (its clock is not set); old stopped.</summary>
    public static string Words(IReadOnlyCollection<Host> hosts, DateTimeOffset now) => hosts.Count == 0
        ? "none yet: safe host add NAME"
        : string.Join("; ", hosts.GroupBy(h => (h.State, Left: Left(h, now), Why: Why(h))).Select(g => string.Join(", ", g.Select(h => Printable.Line(h.Name))) + " " + Printable.Line(g.Key.State) + g.Key.Left switch
        {
            "" => "",
            var age when g.Key.State == "suspended" => $" {age} ago",
            var age => $", as you left {(g.Count() == 1 ? "it" : "them")} {age} ago",
        } + (g.Key.Why.Length > 0 ? $" ({g.Key.Why})" : "")));

    /// <summary>How long before <paramref name="since"/> the hosts that went on were left; null when none did.</summary>
    public static string? Before(IEnumerable<Host> hosts, long since)
    {
        long left = hosts.Where(h => h.State != "suspended" && h.SuspendedUnix > 0 && h.SuspendedUnix <= since).Select(h => h.SuspendedUnix).DefaultIfEmpty(0).Max();
        return left == 0 ? null : Ages.Since(left, DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(since, 0, 253402300799)));
    }

    /// <summary>What the server says of one that is not as it should be.</summary>
    private static string Why(Host host) => host.State is "degraded" or "failed" or "running" ? Printable.Line(host.Note) : "";

    private static string Left(Host host, DateTimeOffset now) =>
        host is { SuspendedUnix: > 0, State: "running" or "degraded" or "suspended" } ? Ages.Since(host.SuspendedUnix, now) : "";
}
