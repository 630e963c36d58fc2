using System.CommandLine;
using Safes.Client.Network;

namespace Safes.Cli.Commands;

internal static class SshCommand
{
    public static Command Create()
    {
        var host = new Argument<string>("HOST") { Description = "The host", CompletionSources = { Known.Hosts } };
        var rest = new Argument<string[]>("ARGS") { Description = "For ssh, after --", Arity = ArgumentArity.ZeroOrMore };
        return new Command("ssh", "Log in to a host, as plain `ssh HOST.SAFE` does.") { host, rest }.With("safe ssh desk", "safe ssh desk -- make -C src").Does(async run =>
        {
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            var way = await SshWay.FindAsync(held, run.Get(host)!, run.Stop).ConfigureAwait(false);
            (await InsideView.FetchAsync(held.Server, run.Stop).ConfigureAwait(false)).RequireShell();
            foreach (string hint in way.Hints)
            {
                run.Screen.Hint(hint);
            }

            way.Become([], run.Get(rest) ?? []);
        });
    }
}
