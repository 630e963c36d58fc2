using System.CommandLine;
using Safes.Client.Transfers;

namespace Safes.Cli.Commands;

internal static class GetCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("REMOTE... DEST")
        {
            Description = "Files and directories as hosts see them, /safe/.., and where they go on this device",
            Arity = new ArgumentArity(2, 100_000),
        };
        var replace = new Option<bool>("--replace") { Description = "Put new content in the place of files that are here and differ" };
        return new Command("get", "Get files and directories out of the safe, readable for you alone; the same command again goes on where it was cut.")
        {
            paths, replace,
        }.With("safe get /safe/results/table.csv .", "safe get --replace /safe/results /safe/build.log out/").Does(async run =>
        {
            string[] given = run.Get(paths)!;
            var named = given[..^1].Select(g => TransferLines.Remote(g).Path).ToList();
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            var getting = new Getting(held.Server, named, given[^1], run.Get(replace));
            await TransferLines.RunAsync(run, profile.Name, getting.Outcome, getting.RunAsync).ConfigureAwait(false);
        });
    }
}
