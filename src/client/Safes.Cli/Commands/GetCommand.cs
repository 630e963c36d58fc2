using System.CommandLine;
using Safes.Client.Transfers;
using Safes.Contracts;

namespace Safes.Cli.Commands;

internal static class GetCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("REMOTE... DEST")
        {
            Description = "Files and directories as hosts see them, /safe/.., and where they go on this device",
            Arity = new ArgumentArity(1, 100_000),
        };
        var replace = new Option<bool>("--replace") { Description = "Put new content in the place of files that are here and differ" };
        var request = new Option<ulong>("--request") { Description = "What an owner approved: all that the request holds, or what is named of it", HelpName = "N" };
        return new Command("get", "Get files and directories out of the safe, readable for you alone; the same command again goes on where it was cut. Any member may, until owners decide otherwise (safe rule data-out).")
        {
            paths, replace, request,
        }.With("safe get /safe/results/table.csv .", "safe get --replace /safe/results /safe/build.log out/", "safe get --request 3 results/").Does(async run =>
        {
            string[] given = run.Get(paths)!;
            if (given.Length < 2 && run.Get(request) == 0)
            {
                throw new FaultException(FaultCodes.Usage, ("what", "one path is not enough"), ("hint", "safe get REMOTE... DEST, or safe get --request N DEST"));
            }

            var named = given.Length < 2 ? [Getting.Outbox] : given[..^1].Select(g => TransferLines.Remote(g).Path).ToList();
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            var getting = new Getting(held.Server, named, given[^1], run.Get(replace), run.Get(request));
            await TransferLines.RunAsync(run, profile.Name, getting.Outcome, "received", getting.RunAsync).ConfigureAwait(false);
        });
    }
}
