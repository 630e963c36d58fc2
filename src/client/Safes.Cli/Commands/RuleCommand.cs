using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Client.Reports;
using Safes.Client.Rules;
using Safes.Rules;

namespace Safes.Cli.Commands;

/// <summary>What owners decide. Any member may read it.</summary>
internal static class RuleCommand
{
    public static Command Create() => new Command("rule", "See and change what owners decide about the network and about data that leave.") { List(), OutsideCommands.Allow(), Remove(), OutsideCommands.Explain(), OutsideCommands.Log(), DataOutMode() }
        .With("safe rule allow build pypi --until 2h", "safe rule list");

    private static Command List() => new Command("list", "List the rules that stand, with their numbers.").With("safe rule list --json").Does(async run =>
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        var book = await new RuleChange(profile, held.Server).FetchAsync(run.Stop).ConfigureAwait(false);
        foreach (string line in RuleLines.Text(book).DefaultIfEmpty("  no rules: hosts reach each other, nothing outside, and any member gets files out"))
        {
            run.Screen.Say(line);
        }

        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["data_out"] = DataOutRule.WordOf(book.DataOut), ["rules"] = RuleLines.Json(book) });
    });

    private static Command Remove()
    {
        var number = new Argument<uint>("NUMBER") { Description = "As `safe rule list` shows it" };
        return new Command("remove", "Take a rule away.") { number }.With("safe rule remove 3").Does(run =>
            AppendAsync(run, new RemoveRule((int)Math.Min(run.Get(number), int.MaxValue)), $"rule {run.Get(number)} removed"));
    }

    private static Command DataOutMode()
    {
        var mode = new Argument<string>("MODE") { Description = "free: any member gets files; four-eyes: what an owner other than who asks approved; closed: the same, and no shell from devices" };
        mode.AcceptOnlyFromAmong("free", "four-eyes", "closed");
        return new Command("data-out", "Decide how files leave the safe.") { mode }.With("safe rule data-out four-eyes").Does(run =>
            AppendAsync(run, new DataOutRule(DataOutRule.Parse(run.Get(mode)!)!.Value), $"data out: {run.Get(mode)}"));
    }

    /// <summary>Signs a rule, hands it over, and says so.</summary>
    internal static async Task AppendAsync(Invocation run, Rule rule, string done)
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        var change = new RuleChange(profile, held.Server);
        var book = await ChangeAsync(run, change, rule).ConfigureAwait(false);
        run.Screen.Show(new Report(ReportKind.Done, "rule", InForce(done, change)));
        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["number"] = book.Entries.Count, ["done"] = done, ["waiting"] = change.Waiting });
    }

    /// <summary>Signs a rule, hands it over, and waits until it is in force.</summary>
    internal static async Task<RuleBook> ChangeAsync(Invocation run, RuleChange change, Rule rule)
    {
        run.Screen.Show(new Report(ReportKind.Began, "rule") { WaitsFor = "the proxy and the hosts that it concerns" });
        var book = await change.AppendAsync(rule, run.Stop).ConfigureAwait(false);
        await change.AwaitInForceAsync(run.Stop).ConfigureAwait(false);
        return book;
    }

    internal static string InForce(string done, RuleChange change) => change.Waiting.Length == 0 ? done : $"{done}; not yet in force: {change.Waiting} (it is tried on)";
}
