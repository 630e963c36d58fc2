using static Safes.Lifecycle.Tests.Samples;

namespace Safes.Lifecycle.Tests;

/// <summary>The invariants as far as the lifecycle decides them. Each gives what is wrong, or null.</summary>
internal static class Properties
{
    public sealed record Step(SafeState Before, SafeEvent Happened, Transition Then);

    public static IReadOnlyDictionary<string, Func<SafeState, World, Terms, string?>> OfStates { get; } =
        new Dictionary<string, Func<SafeState, World, Terms, string?>>
        {
            ["01 closed is what the kernel says"] = (s, w, _) =>
                s is Closed or Unclaimed && !w.SafedDead && (w.Key != KeyFound.Absent || w.Attached || w.Hosts) ? "closed, but something is there" : null,
            ["02 a key has a deadline and a guardian"] = (s, w, t) => w.Key == KeyFound.Absent ? null
                : s is Closed or Unclaimed && !w.SafedDead ? "a key in rest"
                : w.Guardian is null && !w.GuardianDied && !w.Rebooting ? "a key and no guardian"
                : null,
            ["03 the key goes within the bound"] = (_, w, t) =>
                w.LeaseEnd is { } end && S(w.Now) > end + t.Bound && w.Key != KeyFound.Absent && !w.GuardianDied
                && !(t.Reboots ? w.Rebooting : w.Held || w.Faults > 1) ? $"no lease since {end}, and the key is there" : null,
            ["05 an open safe is held or waited for"] = (s, _, _) =>
                s is Open { Sessions.IsEmpty: true, Awaited: null } ? "open for nobody" : null,
            ["06 a lease ends at the sending of its challenge + L"] = (s, w, t) => s is not Open o ? null
                : o.Sessions.Any(x => w.Answered.Any(a => a.Session == x.Id && x.LeaseUntil > S(a.Sent) + t.Lease)) ? "a lease is too long" : null,
            ["07 a session was proved"] = (s, w, _) =>
                s is Open o && o.Sessions.Any(x => !w.Proved.Contains(x.Id)) ? "a session without proof" : null,
            ["08 only devices with sessions are let through"] = (s, w, _) =>
            {
                Items<Device> live = s is Open o ? [.. o.Sessions.Select(x => x.Device)] : [];
                return w.SafedDead || w.Allowed.All(live.Contains) || w.Plan.OfType<AllowDevices>().LastOrDefault() is { } a && a.Devices.All(live.Contains)
                    ? null : "a device passes and nothing will stop it";
            },
            ["09 10 02 effects come in the right order"] = (_, w, _) => w.Wrong,
            ["17 a faulted safe keeps the inside down"] = (s, w, _) =>
                s is Faulted && !w.SafedDead && w.Inside && w.Faults == 0 && !w.Plan.OfType<CutInside>().Any() ? "faulted, and the inside is up" : null,
        };

    public static IReadOnlyDictionary<string, Func<Step, World, string?>> OfSteps { get; } = new Dictionary<string, Func<Step, World, string?>>
    {
        ["04 nothing turns closing back"] = (x, _) => (x.Before, x.Then.State) switch
        {
            (Closing, Closing or Faulted) or (Faulted, Faulted) => null,
            (Closing or Faulted, Closed or Unclaimed) when x.Happened is FoundClosed => null,
            (Closing or Faulted, var after) => $"{x.Happened} led to {after}",
            _ => null,
        },
        ["04 a request delays no closing"] = (x, _) =>
            x.Before is Closing b && x.Then.State is Closing a && a.Until > b.Until ? "the bound moved" : null,
        ["08 who left is cut off before anything else"] = (x, _) =>
            Live(x.Before).Except(Live(x.Then.State)).Any() && (x.Then.Effects.IsEmpty || x.Then.Effects[0] is not AllowDevices) ? $"{x.Happened} did not cut it off first" : null,
        ["16 a failed opening closes"] = (x, _) =>
            x.Before is Opening o && (x.Happened is EffectFailed or GuardianLost or InsideLost || (x.Happened is SessionEnded e && o.For is Work w && w.Opener.Id == e.Session))
            && x.Then.State is not Closing ? $"{x.Happened} did not close it" : null,
        ["17 a faulted safe takes no session"] = (x, _) =>
            x is { Before: Faulted, Happened: OpenRequested or SessionResumed } && x.Then.Refusal is null ? "it was not refused" : null,
    };

    private static IEnumerable<Device> Live(SafeState state) => state is Open o ? o.Sessions.Select(s => s.Device) : [];
}
