using System.Globalization;
using Safes.Client.Connection;
using Safes.Client.Enrolment;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Rules;
using Safes.Client.Session;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Linux;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Opening;

/// <summary>
/// Opens a safe: tunnel, server, roster; only when all of them are the ones this device knows is the password asked for, hashed,
/// and its key sealed for this one request.
/// </summary>
public sealed partial class SafeOpening(SafeProfile profile, Steps steps, Func<Task<SecretBuffer>> askPassword)
{
    private const int MostMoves = 5;

    /// <summary>This device holds it open already, and wants its longest time to begin anew: the lease of the session that it holds.</summary>
    public TimeSpan? Renews { get; init; }

    private static readonly TimeSpan OpenLimit = TimeSpan.FromSeconds(150), RosterLimit = TimeSpan.FromSeconds(20), AskAgain = TimeSpan.FromSeconds(1);

    /// <param name="connect">Makes the connection to the server, and the tunnel first where one is needed; tests have their own.</param>
    public async Task<OpenedSafe> RunAsync(CancellationToken stop, Func<CancellationToken, Task<(Server, DeviceTunnel)>>? connect = null)
    {
        var (server, tunnel) = await (connect ?? (time => Reaching.ConnectAsync(steps, profile.Places, profile.Address, profile.Keys, time)))(stop).ConfigureAwait(false);
        try
        {
            await CheckAsync(server, stop).ConfigureAwait(false);
            using var password = await askPassword().ConfigureAwait(false);
            var begun = BootClock.Now;
            steps.Tell(new Report(ReportKind.Began, "opened") { WaitsFor = "your password's hash" });
            using var ck = await Task.Run(() => Sealing.Hash(profile.Keys, password, profile.Roster.Safe), stop).ConfigureAwait(false);
            var hashed = BootClock.Now - begun;
            for (int move = 1; ; move++)
            {
                try
                {
                    var asked = BootClock.Now;
                    var opened = await OpenAsync(server, ck, stop).ConfigureAwait(false);
                    var look = await server.Inside.CallAsync((c, o) => c.LookAsync(new LookRequest(), o), Server.CallLimit, stop).ConfigureAwait(false);
                    TellOpened(opened, look, hashed, BootClock.Now - begun);
                    profile.Remember(profile.Roster, owners: Owners.Of(profile.Roster));
                    await CheckRulesAsync(server, stop).ConfigureAwait(false);
                    return new OpenedSafe(server, tunnel, opened, look, new SessionTerm(asked, TimeSpan.FromSeconds(opened.MaxSeconds)));
                }
                catch (FaultException e) when (e.Code == FaultCodes.Moved && move < MostMoves)
                {
                    // Somebody changed the members meanwhile: they are looked at again, the password is not asked again.
                    await CheckRosterAsync(server, stop).ConfigureAwait(false);
                }
                catch (FaultException e) when (BootClock.Now - begun < Renews && IsOfTheWay(e))
                {
                    // It may have been renewed and the answer lost; then the old session is no more. Asking again makes one or finds why not.
                    server.Reconnect();
                    await Task.Delay(AskAgain, stop).ConfigureAwait(false);
                }
            }
        }
        catch
        {
            server.Dispose();
            await tunnel.RemoveAsync().ConfigureAwait(false);
            throw;
        }
    }

    // A connection that is cut before its first answer looks like a refused certificate.
    private static bool IsOfTheWay(FaultException e) => e.Code == FaultCodes.NoServer || (e.Code == FaultCodes.UnknownDevice && !e.Details.ContainsKey("from"));

    private async Task CheckAsync(Server server, CancellationToken stop)
    {
        steps.Tell(new Report(ReportKind.Began, "server") { WaitsFor = $"the server of '{profile.Name}'" });
        var hello = await server.HelloAsync(stop).ConfigureAwait(false);
        await CheckRosterAsync(server, stop).ConfigureAwait(false);
        _ = profile.Device;
        if (hello.State is State.Faulted && Holder().Match(hello.Detail) is { Success: true } holder)
        {
            throw new FaultException(
                FaultCodes.FilesBusy, ("holder", holder.Groups[1].Value), ("pid", holder.Groups[2].Value), ("kind", holder.Groups[3].Value), ("from", "server"));
        }

        if (hello.State is State.Unclaimed or State.Closing or State.Faulted)
        {
            throw new FaultException(
                hello.State switch { State.Unclaimed => FaultCodes.Unclaimed, State.Closing => FaultCodes.Closing, _ => FaultCodes.Faulted },
                ("detail", hello.Detail), ("from", "server"));
        }

        if (!hello.Joined)
        {
            throw new FaultException(FaultCodes.NotJoined);
        }

        if (hello.SecondsToWait > 0)
        {
            throw new FaultException(FaultCodes.TooManyTries, ("seconds", $"{hello.SecondsToWait}"));
        }

        TellImages(hello.Images.ToNames());
    }

    /// <summary>The first holder in the detail of a faulted safe: "backup (pid 4711): open file /..".</summary>
    [System.Text.RegularExpressions.GeneratedRegex(@"^([^;]+?) \(pid (\d+)\): ([^;]+)")]
    private static partial System.Text.RegularExpressions.Regex Holder();

    /// <summary>When this device last saw the members; what its own file says may be any number.</summary>
    internal static DateTimeOffset LastSeen(SafeProfile profile) => DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(profile.Known.SeenUnix, 0, 253402300799)).ToLocalTime();

    private Task<SafeRoster> CheckRosterAsync(Server server, CancellationToken stop) => steps.RunAsync(
        "server and members are the ones you know", $"the server of '{profile.Name}'", RosterLimit,
        () => new FaultException(FaultCodes.NoServer, ("why", "it did not answer in time")),
        async time =>
        {
            var before = profile.Roster;
            var since = LastSeen(profile);
            var hello = await server.HelloAsync(time).ConfigureAwait(false);
            var roster = await server.FetchRosterAsync(before, time).ConfigureAwait(false);
            if (hello.Entries < (ulong)before.Count || (hello.Entries <= (ulong)roster.Count && roster.At(hello.Head.Span) is null))
            {
                // Shorter than what was seen, or another chain of which it shows nothing.
                throw new FaultException(FaultCodes.RosterForked, ("why", $"it stands at another entry than the {before.Count} seen before"));
            }

            var changes = Membership.Changes(before, roster);
            profile.Remember(roster);
            ClockWitness.Keep(profile);
            TellOwners(before, roster);
            string what = changes.Count == 0 ? "nothing changed since" : $"{string.Join("; ", changes)} since";
            return (roster, $"{Membership.Words(roster)}, {what} {since.ToString("d MMM HH:mm", CultureInfo.InvariantCulture)}");
        },
        stop);

    /// <summary>Compared with whom the person was told of at the last open, not with what other commands have fetched since.</summary>
    private void TellOwners(SafeRoster before, SafeRoster now)
    {
        var (told, owners) = (profile.Known.Owners ?? Owners.Of(before), Owners.Of(now));
        steps.Tell(new Report(ReportKind.Done, "owners", Owners.Words(now, profile.Keys.Device)));
        if (!told.SequenceEqual(owners, StringComparer.Ordinal))
        {
            steps.Tell(new Report(ReportKind.Notice, "owners changed", $"they were {string.Join(", ", told)}; they are {string.Join(", ", owners)}"));
        }
    }

    // The safe is open, and whoever opened it has to be able to mend the rules: it is said, and loudly.
    private async Task CheckRulesAsync(Server server, CancellationToken stop)
    {
        try
        {
            await new RuleChange(profile, server).CheckSeenAsync(stop).ConfigureAwait(false);
        }
        catch (FaultException e)
        {
            string why = e.Details.GetValueOrDefault("why", e.Code.Code);
            steps.Tell(new Report(ReportKind.Notice, "owners' rules", e.Code == FaultCodes.RulesDamaged
                ? $"not those that this device knows: {why}; until an owner has looked (safe rule list), do not rely on them"
                : $"could not be compared with those that this device knows: {why}"));
        }
    }

    private async Task<Opened> OpenAsync(Server server, SecretBuffer ck, CancellationToken stop)
    {
        var key = await server.GetOneTimeKeyAsync(stop).ConfigureAwait(false);
        if (!key.Head.Span.SequenceEqual(profile.Roster.Head.Span))
        {
            throw new FaultException(FaultCodes.Moved);
        }

        var request = new OpenRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.Open, profile.Roster.Safe, profile.Keys, profile.Address, key, [], ck),
            Head = key.Head,
            Generation = key.Generation,
        };
        try
        {
            Opened? opened = null;
            using var seen = new HostsSeen(server, step => ServerSteps.Tell(steps, step));
            await foreach (var progress in server.Calls.StreamAsync((c, o) => c.Open(request, o), OpenLimit, stop).ConfigureAwait(false))
            {
                if (progress.Inside is { } inside)
                {
                    (server.Session, server.InsidePin) = (inside.Session, inside.Pin);
                    seen.Begin();
                }
                else
                {
                    ServerSteps.Tell(steps, progress.Step);
                }

                opened = progress.Opened ?? opened;
            }

            await seen.EndAsync().ConfigureAwait(false);
            server.InsidePin = opened?.InsidePin ?? server.InsidePin;
            server.Session = opened?.Session ?? throw new FaultException(FaultCodes.Internal, ("what", "it did not say that it is open"), ("from", "server"));
            return opened;
        }
        catch (FaultException e) when (e.Code == FaultCodes.WrongPassword)
        {
            var details = new Dictionary<string, string>(e.Details) { ["device"] = $"{profile.Keys.MemberName}-{profile.Keys.DeviceName}" };
            if (key.TriesLeft > 0)
            {
                details.TryAdd("tries_left", $"{key.TriesLeft - 1}");
            }

            throw new FaultException(FaultCodes.WrongPassword, [.. details.Select(d => (d.Key, d.Value))]);
        }
    }

    private void TellOpened(Opened opened, LookReply look, TimeSpan hashed, TimeSpan all)
    {
        string times = string.Create(CultureInfo.InvariantCulture, $"{all.TotalSeconds:0.0} s ({hashed.TotalSeconds:0.0} s of it your password's hash)");
        if (Renews is not null)
        {
            steps.Tell(new Report(ReportKind.Done, "renewed", times));
            return;
        }

        steps.Tell(new Report(ReportKind.Done, opened.JoinedOpen ? "joined, it was open" : "opened", times));
        // Who joins an open safe finds hosts as others have them, not as anybody left them.
        var hosts = opened.JoinedOpen ? look.Hosts.Select(h => new Host(h) { SuspendedUnix = 0 }).ToList() : (IReadOnlyCollection<Host>)look.Hosts;
        steps.Tell(new Report(ReportKind.Done, "hosts", HostsLeft.Words(hosts, DateTimeOffset.UtcNow)));
    }

    private void TellImages(Dictionary<string, string> now)
    {
        var before = profile.Known.Images;
        var changed = now.Where(i => before.TryGetValue(i.Key, out string? digest) && digest != i.Value).Select(i => i.Key).ToList();
        if (changed.Count > 0)
        {
            steps.Tell(new Report(ReportKind.Notice, "images changed", $"{string.Join(", ", changed)}: not the ones this device was shown before"));
        }

        profile.Remember(profile.Roster, now);
    }
}
