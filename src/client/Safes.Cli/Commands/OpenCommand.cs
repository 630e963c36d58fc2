using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Client.Session;
using Safes.Client.Ssh;
using Safes.Contracts;

namespace Safes.Cli.Commands;

internal static class OpenCommand
{
    public static Command Create()
    {
        var name = new Argument<string?>("NAME") { Description = "Which safe", Arity = ArgumentArity.ZeroOrOne, CompletionSources = { Known.Safes } };
        var wait = new Option<bool>("--wait") { Description = "Stay until the session ends; its cause is the exit status" };
        var renew = new Option<bool>("--renew") { Description = "Of one that is held open: give the password again now, so that its longest time begins anew" };
        return new Command("open", "Open a safe and hold it open; in the last hour of its session, renew that.")
        {
            name, wait, renew,
        }.With("safe open", "safe open ledger --wait", "safe open ledger --renew").Does(async run =>
        {
            using var profile = run.OpenProfile(run.Get(name));
            if (await HeldSafe.FindAsync(profile, run.Stop).ConfigureAwait(false) is { } held)
            {
                using (held)
                {
                    bool renewed = (run.Get(renew) || held.EndsSoon) && await RenewAsync(run, held, run.Get(renew)).ConfigureAwait(false);
                    using var now = renewed ? await HeldSafe.GetAsync(profile, run.Stop).ConfigureAwait(false) : null;
                    string until = (now ?? held).Left is { } left ? $", until {TermWords.At(DateTimeOffset.Now + left, DateTimeOffset.Now)} at the latest" : "";
                    run.Screen.Say($"You hold '{profile.Name}' open {(renewed ? "anew" : "already")}{until}.   safe status");
                    Result(run, now ?? held, attached: true, renewed);
                }
            }
            else
            {
                await SessionStart.RunAsync(profile, run.Screen.Show, () => run.Passwords.AskAsync(profile.Name), run.Stop).ConfigureAwait(false);
                using var fresh = await HeldSafe.GetAsync(profile, run.Stop).ConfigureAwait(false);
                run.Screen.Say(
                    $"You hold '{profile.Name}' open until you leave, your computer sleeps, or the connection is away for {fresh.Info["lease_seconds"]} s.   safe leave");
                if (!SshFiles.IsInstalled(run.Profiles.Places, Home) && Invocation.IsTerminal(1))
                {
                    run.Screen.Say($"For plain `ssh HOST.{fresh.Zone}`, once: safe ssh-config --install");
                }

                Result(run, fresh, attached: false);
            }

            if (run.Get(wait))
            {
                await WaitAsync(run, profile.SocketPath).ConfigureAwait(false);
            }
        });
    }

    /// <summary>A renewal that waits keeps others from renewing.</summary>
    private static readonly TimeSpan RenewalPrompt = TimeSpan.FromMinutes(5);

    private static string Home => Environment.GetEnvironmentVariable("HOME") ?? "/";

    /// <summary>False: nobody was there to give a password, and it was not asked for by name.</summary>
    private static async Task<bool> RenewAsync(Invocation run, HeldSafe held, bool wanted)
    {
        try
        {
            await held.Link.RenewAsync(run.Screen.Show, () => run.Passwords.AskAsync(held.Profile.Name, RenewalPrompt), run.Stop).ConfigureAwait(false);
            return true;
        }
        catch (FaultException e) when (e.Code == FaultCodes.NoPassword && !wanted)
        {
            run.Screen.Say($"  ! {TermWords.Ends(held.Profile.Name, held.Left ?? default, DateTimeOffset.Now)}");
            return false;
        }
    }

    private static void Result(Invocation run, HeldSafe held, bool attached, bool renewed = false) => run.Screen.Result(new JsonObject
    {
        ["safe"] = held.Profile.Name,
        ["held"] = true,
        ["attached"] = attached,
        ["renewed"] = renewed,
        ["session_left_seconds"] = (long?)held.Left?.TotalSeconds,
        ["zone"] = held.Zone,
        ["account"] = held.Info["account"],
        ["lease_seconds"] = int.Parse(held.Info["lease_seconds"], System.Globalization.CultureInfo.InvariantCulture),
    });

    private static async Task WaitAsync(Invocation run, string socket)
    {
        SessionEnd? end = null;
        await foreach (var report in new SessionLink(socket).AskAsync(SessionWords.Wait, run.Stop).ConfigureAwait(false))
        {
            end = EndWords.Parse(report);
        }

        if (end is null)
        {
            throw new FaultException(FaultCodes.SessionLost, ("reason", "its process ended without a word"), ("kept", EndWords.Kept));
        }

        if (!end.Wanted)
        {
            throw new FaultException(FaultCodes.SessionLost, ("reason", EndWords.Cause(end)), ("at", EndWords.Time(end)), ("kept", EndWords.Kept));
        }
    }
}
