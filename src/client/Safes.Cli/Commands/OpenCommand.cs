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
        var name = new Argument<string?>("NAME") { Description = "Which safe", Arity = ArgumentArity.ZeroOrOne };
        var wait = new Option<bool>("--wait") { Description = "Stay until the session ends; its cause is the exit status" };
        return new Command("open", "Open a safe and hold it open.")
        {
            name, wait,
        }.With("safe open", "safe open ledger --wait").Does(async run =>
        {
            using var profile = run.OpenProfile(run.Get(name));
            if (await HeldSafe.FindAsync(profile, run.Stop).ConfigureAwait(false) is { } held)
            {
                using (held)
                {
                    run.Screen.Say($"You hold '{profile.Name}' open already.   safe status");
                    Result(run, held, attached: true);
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

    private static string Home => Environment.GetEnvironmentVariable("HOME") ?? "/";

    private static void Result(Invocation run, HeldSafe held, bool attached) => run.Screen.Result(new JsonObject
    {
        ["safe"] = held.Profile.Name,
        ["held"] = true,
        ["attached"] = attached,
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
