using System.CommandLine;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Safes.Client.Connection;
using Safes.Client.Reports;
using Safes.Client.Rules;
using Safes.Client.Session;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Rules;
using Safes.Rules.Outside;

namespace Safes.Cli.Commands;

/// <summary>What hosts reach outside: who allows it, why something is refused, what was asked.</summary>
internal static class OutsideCommands
{
    private const int LogBytes = 256 << 10;

    public static Command Allow()
    {
        var host = new Argument<string>("HOST") { Description = "The host, or '*' for every host", CompletionSources = { Known.Hosts } };
        var destination = new Argument<string>("DESTINATION")
        {
            Description = $"A name with or without a port, '*.NAME' for every name below it, or a source of packages: {string.Join(", ", Preset.All.Select(p => p.Name))}",
        };
        var methods = new Option<string?>("--methods") { Description = "Of HTTP, with commas between (default: any)", HelpName = "GET,HEAD" };
        var up = new Option<string?>("--upload-limit") { Description = "The most that one request may send", HelpName = "SIZE" };
        var down = new Option<string?>("--download-limit") { Description = "The most that one answer may bring", HelpName = "SIZE" };
        var until = new Option<string?>("--until") { Description = "30m, 2h, 3d or a local time; it ends by itself then", HelpName = "TIME" };
        return new Command("allow", "Let a host reach something outside, through the safe's proxy.") { host, destination, methods, up, down, until }
            .With("safe rule allow build pypi --until 2h", "safe rule allow build git.example.org:443 --methods GET,HEAD --upload-limit 64K").Does(async run =>
            {
                using var profile = run.OpenProfile();
                using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
                var status = await held.Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, run.Stop).ConfigureAwait(false);
                var rule = new AllowWish(
                    run.Get(host)!, run.Get(destination)!, run.Get(methods)?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [], (long)Sizes.Parse(run.Get(up)),
                    (long)Sizes.Parse(run.Get(down)), run.Get(until)).ToRule([.. status.Hosts.Select(h => h.Name)], DateTimeOffset.UtcNow);
                var change = new RuleChange(profile, held.Server);
                var book = await RuleCommand.ChangeAsync(run, change, rule).ConfigureAwait(false);
                run.Screen.Show(new Report(ReportKind.Done, "rule", RuleCommand.InForce($"rule {book.Entries.Count}: {RuleLines.Words(rule)}", change)));
                if (Permit.Of(book.Entries.Count, rule) is { Looks: true })
                {
                    run.Screen.Say("  the safe's proxy looks into what is encrypted there, under an authority of the safe's own, which its hosts trust");
                }

                run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["number"] = book.Entries.Count, ["done"] = RuleLines.Words(rule), ["waiting"] = change.Waiting });
            });
    }

    public static Command Explain()
    {
        var url = new Argument<string>("URL") { Description = "As the host asks for it" };
        var host = new Option<string>("--host") { Description = "The host that asks", HelpName = "HOST", Required = true, CompletionSources = { Known.Hosts } };
        var method = new Option<string?>("--method") { Description = "Of HTTP (default: GET)", HelpName = "METHOD" };
        var upload = new Option<string?>("--upload") { Description = "How much it sends", HelpName = "SIZE" };
        return new Command("explain", "Say which rule decides about a request, and the command that changes it.") { url, host, method, upload }
            .With("safe rule explain https://pypi.org/simple/ --host build").Does(async run =>
            {
                string from = run.Get(host)!;
                using var profile = run.OpenProfile();
                using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
                var (book, hosts) = await ReadAsync(run, profile, held).ConfigureAwait(false);
                if (!hosts.ContainsKey(from))
                {
                    throw new FaultException(FaultCodes.HostUnknown, ("host", from));
                }

                var request = RequestOf(from, run.Get(url)!, run.Get(method)?.ToUpperInvariant() ?? "GET", (long)Sizes.Parse(run.Get(upload)));
                var rules = OutsideRules.Of(book.Standing, hosts, DateTimeOffset.UtcNow);
                var decision = rules.Decide(request);
                var reason = Reason.Of(decision, request, rules);
                run.Screen.Say(reason is null
                    ? $"  allowed by rule {decision.Rule}{(decision.Opened ? "; over TLS the safe's proxy looks into it" : "")}. Where the name leads is checked when it is asked for."
                    : $"  refused: {Printable.Line(reason.What)}");
                var beyond = Reason.Beyond(decision, request, rules);
                if (beyond is not null)
                {
                    run.Screen.Say($"  {Printable.Line(beyond.What)}");
                }

                if ((reason ?? beyond) is { Command.Length: > 0 } change)
                {
                    run.Screen.Say($"  an owner can change that:  {Printable.Line(change.Command)}");
                }

                run.Screen.Result(new JsonObject
                {
                    ["safe"] = profile.Name,
                    ["verdict"] = decision.Verdict.ToString().ToLowerInvariant(),
                    ["rule"] = decision.Rule,
                    ["opened"] = decision.Opened,
                    ["reason"] = reason?.What,
                    ["beyond"] = beyond?.What,
                    ["command"] = (reason ?? beyond)?.Command,
                });
            });
    }

    public static Command Log()
    {
        var lines = new Option<uint?>("--lines") { Description = "How many of the newest (default: 50)", HelpName = "N" };
        return new Command("log", "Show what hosts have asked of the proxy.") { lines }.With("safe rule log --lines 200").Does(async run =>
        {
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            var (_, hosts) = await ReadAsync(run, profile, held).ConfigureAwait(false);
            var reply = await held.Server.Inside.CallAsync((c, o) => c.ReadRuleLogAsync(new RuleLogRequest { LastBytes = LogBytes }, o), Server.CallLimit, run.Stop).ConfigureAwait(false);
            LoggedRequest[] all = [.. Encoding.UTF8.GetString(reply.End.Span).Split('\n').Select(LoggedRequest.Parse).OfType<LoggedRequest>().TakeLast((int)Math.Min(run.Get(lines) ?? 50, 100_000))];
            foreach (string line in all.Select(r => RequestLines.Text(r, hosts)).DefaultIfEmpty("  nothing was asked for yet"))
            {
                run.Screen.Say(line);
            }

            if (reply.Covered)
            {
                run.Screen.Say("  Data leave by approval here: what hosts asked for is shown to owners alone.");
            }

            run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["covered"] = reply.Covered, ["requests"] = new JsonArray([.. all.Select(r => RequestLines.Json(r, hosts))]) });
        });
    }

    private static OutsideRequest RequestOf(string host, string url, string method, long upload)
    {
        try
        {
            return OutsideRequest.Of(host, url, method, upload);
        }
        catch (FormatException)
        {
            throw new FaultException(FaultCodes.Usage, ("what", $"'{url}' is no URL of http or https"), ("hint", "such as https://pypi.org/simple/"));
        }
    }

    private static async Task<(RuleBook Book, IReadOnlyDictionary<string, IPAddress> Hosts)> ReadAsync(
        Invocation run, Client.Profile.SafeProfile profile, HeldSafe held)
    {
        var book = await new RuleChange(profile, held.Server).FetchAsync(run.Stop).ConfigureAwait(false);
        var status = await held.Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, run.Stop).ConfigureAwait(false);
        return (book, status.Hosts.DistinctBy(h => h.Name).ToDictionary(h => h.Name, h => IPAddress.TryParse(h.Address, out var a) ? a : IPAddress.None, StringComparer.Ordinal));
    }
}
