using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Safes.Cli.Explaining;
using Safes.Client.Connection;
using Safes.Client.Enrolment;
using Safes.Client.Opening;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Session;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Cli.Commands;

internal static class StatusCommand
{
    public static Command Create() => new Command("status", "Show who holds the safe open and what its hosts do.").With("safe status --json").Does(async run =>
    {
        using var profile = run.OpenProfile();
        HeldSafe? found;
        try
        {
            found = await HeldSafe.FindAsync(profile, run.Stop).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Code == FaultCodes.SessionBusy)
        {
            await NotHeldAsync(run, profile, e).ConfigureAwait(false);
            return;
        }

        using var held = found;
        if (held is null)
        {
            await NotHeldAsync(run, profile).ConfigureAwait(false);
            return;
        }

        var status = await held.Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest { Share = true }, o), Server.CallLimit, run.Stop).ConfigureAwait(false);
        string holders = string.Join(", ", status.Holders.Select(h => $"{Printable.Line(h.Member)} ({Printable.Line(h.Device)})"));
        string left = HostsLeft.Before(status.Hosts, status.SinceUnix) is { } age ? $", hosts as they were left {age} before" : "";
        run.Screen.Say($"{profile.Name}    {State(status.State)} since {At(status.SinceUnix)}{left}     held by {holders}");
        foreach (string line in HostLines.Text(status.Hosts, DateTimeOffset.UtcNow))
        {
            run.Screen.Say(line);
        }

        if (status.VolumeBytes > 0)
        {
            run.Screen.Say($"  {HostLines.Size(status.VolumeBytes - status.VolumeFreeBytes)} of {HostLines.Size(status.VolumeBytes)} used, share {HostLines.Size(status.ShareBytes)}");
        }

        if (held.EndsSoon)
        {
            run.Screen.Say($"  ! {TermWords.Ends(profile.Name, held.Left!.Value, DateTimeOffset.Now)}");
        }

        foreach (string warning in status.Warnings.Concat(status.Share.Select(t => t.Text)))
        {
            run.Screen.Say($"  ! {Printable.Line(warning)}");
        }

        run.Screen.Result(new JsonObject
        {
            ["safe"] = profile.Name,
            ["held"] = true,
            ["state"] = State(status.State),
            ["since_unix"] = status.SinceUnix,
            ["zone"] = held.Zone,
            ["session_left_seconds"] = (long?)held.Left?.TotalSeconds,
            ["session_ends_soon"] = held.EndsSoon,
            ["session_pid"] = held.Info["pid"],
            ["holders"] = new JsonArray([.. status.Holders.Select(h => (JsonNode)new JsonObject { ["member"] = h.Member, ["device"] = h.Device, ["since_unix"] = h.SinceUnix })]),
            ["hosts"] = HostLines.Json(status.Hosts),
            ["volume_bytes"] = status.VolumeBytes,
            ["volume_free_bytes"] = status.VolumeFreeBytes,
            ["share_bytes"] = status.ShareBytes,
            ["warnings"] = new JsonArray([.. status.Warnings.Select(w => (JsonNode)w)]),
            ["share_troubles"] = new JsonArray([.. status.Share.Select(t => (JsonNode)new JsonObject
            {
                ["text"] = t.Text,
                ["hosts"] = new JsonArray([.. t.Hosts.Select(h => (JsonNode)h)]),
                ["contended"] = t.Contended,
            })]),
        });
    });

    /// <summary>What was seen last is said to be old; what can be known without a session is asked now.</summary>
    private static async Task NotHeldAsync(Invocation run, SafeProfile profile, FaultException? busy = null)
    {
        var (now, seen) = (DateTimeOffset.UtcNow, profile.Known.SeenUnix);
        run.Screen.Say(busy is null ? $"{profile.Name}    not held open by this device     safe open {profile.Name}" : $"{profile.Name}    {Explain.Of(busy, profile.Name).What}");
        run.Screen.Say($"  last seen {Ago(seen, now)}, at {At(seen)}: {Membership.Words(profile.Roster)}; its hosts are shown to who holds it open");
        var outlook = await Outlook.LookAsync(profile, run.Stop).ConfigureAwait(false);
        run.Screen.Say($"  {Words(profile, outlook)}");
        var end = HeldSafe.LastEnd(profile);
        if (end is not null)
        {
            run.Screen.Say($"  your last session ended at {EndWords.Time(end)}: {EndWords.Cause(end)}");
            run.Screen.Say($"  {EndWords.Kept}");
        }

        var result = new JsonObject { ["safe"] = profile.Name, ["held"] = false, ["seen_unix"] = seen, ["seen_seconds_ago"] = now.ToUnixTimeSeconds() - seen };
        if (busy is not null)
        {
            result["session"] = new JsonObject { ["pid"] = busy.Details["pid"], ["computer"] = busy.Details["computer"], ["why"] = busy.Details["why"] };
        }

        result["now"] = new JsonObject
        {
            ["answers"] = outlook.Answered,
            ["asked"] = outlook.Server is not null ? "server" : outlook.Gateway is not null ? "gateway" : null,
            ["holding"] = outlook.Server is true ? outlook.IsHeldHere : null,
            ["state"] = outlook.State is Contracts.V1.State.Unknown ? null : State(outlook.State),
            ["why"] = outlook.Why,
        };
        if (end is not null)
        {
            result["ended"] = new JsonObject { ["reason"] = end.Reason, ["detail"] = end.Detail, ["at"] = end.At.ToString("O", CultureInfo.InvariantCulture) };
        }

        run.Screen.Result(result);
    }

    private static string Words(SafeProfile profile, Outlook outlook) => outlook switch
    {
        { Server: true, IsHeldHere: true } => $"its server answers now: {State(outlook.State)}. It counts a session of this device, which is not found here: one that died ends by itself within a lease; another computer or user that has these keys may hold it",
        { Server: true } => $"its server answers now: {State(outlook.State)}",
        { Server: false } => $"the tunnel is up, but its server does not answer: {Printable.Line(outlook.Why)}",
        { Gateway: true } => "its gateway answers now: the server is there; whether it is open, only the server tells",
        { IsAsked: false } => $"its gateway was not asked: {outlook.Why}",
        { Why.Length: > 0 } => $"{profile.Address.Endpoint} cannot be asked: {outlook.Why}",
        _ => $"no answer from {profile.Address.Endpoint} now: UDP may be blocked here, the server down, or this device not approved there",
    };

    private static string Ago(long unix, DateTimeOffset now) => now.ToUnixTimeSeconds() - unix < 120 ? "just now" : $"{Ages.Since(unix, now)} ago";

    private static string State(State state) => state.ToString().ToLowerInvariant();

    private static string At(long unix) => TermWords.At(DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(unix, 0, 253402300799)), DateTimeOffset.Now);
}
