using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Session;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Cli.Commands;

internal static class LeaveCommand
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10), SignalLimit = TimeSpan.FromSeconds(25);

    public static Command Create() => new Command("leave", "Leave a safe. The last one leaving closes it.").With("safe leave").Does(async run =>
    {
        using var profile = run.OpenProfile();
        HeldSafe held;
        try
        {
            held = await HeldSafe.GetAsync(profile, run.Stop).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Code == FaultCodes.SessionBusy)
        {
            await EndAsync(run, profile, e).ConfigureAwait(false);
            return;
        }

        using var owned = held;
        using var process = PidFd.Open(int.Parse(held.Info["pid"], System.Globalization.CultureInfo.InvariantCulture));
        var begun = BootClock.Now;
        string how = "", by = "";
        bool told = false;
        run.Screen.Show(new Report(ReportKind.Began, "leaving") { WaitsFor = "the server" });
        await foreach (var report in held.Link.AskAsync(SessionWords.Leave, run.Stop).ConfigureAwait(false))
        {
            if (report.Kind is ReportKind.Value)
            {
                (how, by) = (report.Detail, Printable.Line(report.Details.GetValueOrDefault("held_by", "")));
            }
            else if (report.Kind is ReportKind.Finished)
            {
                told = true;
            }
            else
            {
                run.Screen.Show(report);
            }
        }

        if (!told)
        {
            throw new FaultException(
                FaultCodes.SessionLost, ("reason", "its process ended while it took leave"), ("kept", "the server may not know: then the lease ends it"));
        }

        // What the session owned (tunnel, key, socket) is gone when its process is.
        process?.WaitForEnd(EndLimit);
        long took = (long)(BootClock.Now - begun).TotalMilliseconds;
        if (how == "closed")
        {
            run.Screen.Show(new Report(ReportKind.Done, "closed", $"{Terminal.Screen.Seconds(took)}: nothing readable is left on the server"));
        }
        else
        {
            run.Screen.Show(new Report(ReportKind.Done, by.Length > 0 ? $"you left; {by} still hold{(by.Contains(',') ? "" : "s")} '{profile.Name}' open" : "you left"));
        }

        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["closed"] = how == "closed", ["held_by"] = by, ["milliseconds"] = took });
    });

    /// <summary>A session that still opens, or whose socket does not answer: it is asked by a signal, and says nothing of how the safe was left.</summary>
    private static async Task EndAsync(Invocation run, SafeProfile profile, FaultException busy)
    {
        run.Screen.Show(new Report(ReportKind.Began, "leaving") { WaitsFor = "this device's session" });
        if (!await HeldSafe.EndAsync(profile, SignalLimit).ConfigureAwait(false))
        {
            throw busy;
        }

        run.Screen.Show(new Report(ReportKind.Done, "ended", "this device's session was asked to leave by a signal: whether the server heard of it, safe status tells"));
        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["closed"] = false, ["held_by"] = "", ["signalled"] = true });
    }
}
