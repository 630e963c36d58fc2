using System.CommandLine;
using Safes.Client.Transfers;

namespace Safes.Cli.Commands;

internal static class PutCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("LOCAL... DEST")
        {
            Description = "Files and directories of this device, and where they go: a path as hosts see it, /safe/..",
            Arity = new ArgumentArity(2, 100_000),
        };
        var replace = new Option<bool>("--replace") { Description = "Put new content in the place of files that are there and differ" };
        return new Command("put", "Put files and directories into the safe; the same command again goes on where it was cut.")
        {
            paths, replace,
        }.With("safe put report.pdf /safe/papers/", "safe put --replace data/ images/ /safe/input/", "safe put disk.raw /safe/disk.raw --json").Does(async run =>
        {
            string[] given = run.Get(paths)!;
            var (target, slash) = TransferLines.Remote(given[^1]);
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            var named = await Putting.AimAsync(held.Server, given[..^1], target, slash, run.Stop).ConfigureAwait(false);
            var putting = new Putting(held.Server, named, run.Get(replace));
            await TransferLines.RunAsync(run, profile.Name, putting.Outcome, "sent", putting.RunAsync).ConfigureAwait(false);
        });
    }
}
