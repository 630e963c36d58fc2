using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Safes.Client.Connection;
using Safes.Client.Opening;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Session;
using Safes.Contracts.V1;

namespace Safes.Cli.Commands;

internal static class StatusCommand
{
    public static Command Create() => new Command("status", "Show who holds the safe open and what its hosts do.").With("safe status --json").Does(async run =>
    {
        using var profile = run.OpenProfile();
        using var held = await HeldSafe.FindAsync(profile, run.Stop).ConfigureAwait(false);
        if (held is null)
        {
            NotHeld(run, profile);
            return;
        }

        var status = await held.Server.Calls.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, run.Stop).ConfigureAwait(false);
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

        foreach (string warning in status.Warnings)
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
            ["holders"] = new JsonArray([.. status.Holders.Select(h => (JsonNode)new JsonObject { ["member"] = h.Member, ["device"] = h.Device, ["since_unix"] = h.SinceUnix })]),
            ["hosts"] = HostLines.Json(status.Hosts),
            ["volume_bytes"] = status.VolumeBytes,
            ["volume_free_bytes"] = status.VolumeFreeBytes,
            ["share_bytes"] = status.ShareBytes,
            ["warnings"] = new JsonArray([.. status.Warnings.Select(w => (JsonNode)w)]),
        });
    });

    private static void NotHeld(Invocation run, SafeProfile profile)
    {
        run.Screen.Say($"{profile.Name}    not held open by this device; last seen {At(profile.Known.SeenUnix)}     safe open {profile.Name}");
        var end = HeldSafe.LastEnd(profile);
        if (end is not null)
        {
            run.Screen.Say($"  your last session ended at {EndWords.Time(end)}: {EndWords.Cause(end)}");
            run.Screen.Say($"  {EndWords.Kept}");
        }

        var result = new JsonObject { ["safe"] = profile.Name, ["held"] = false, ["seen_unix"] = profile.Known.SeenUnix };
        if (end is not null)
        {
            result["ended"] = new JsonObject { ["reason"] = end.Reason, ["detail"] = end.Detail, ["at"] = end.At.ToString("O", CultureInfo.InvariantCulture) };
        }

        run.Screen.Result(result);
    }

    private static string State(State state) => state.ToString().ToLowerInvariant();

    private static string At(long unix) => TermWords.At(DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(unix, 0, 253402300799)), DateTimeOffset.Now);
}
