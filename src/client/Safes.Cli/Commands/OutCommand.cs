using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Safes.Client.Session;
using Safes.Client.Transfers;
using Safes.Contracts;
using Safes.Transfer;

namespace Safes.Cli.Commands;

/// <summary>The airlock: nothing but what another member approved leaves, where owners have decided so.</summary>
internal static class OutCommand
{
    public static Command Create() => new Command("out", "Ask for files to be let out, look into what others ask for, decide. Needed where owners decided so: safe rule data-out four-eyes.")
    {
        Request(), List(), Show(), Look(), Decide("approve", "Let a request's files out; an owner other than who asked.", true),
        Decide("refuse", "Do not let a request's files out.", false), Log(),
    }.With("safe out request /safe/outbox/table.csv --reason 'for the journal'", "safe out list", "safe out show 3", "safe out approve 3 --reason 'no names in it'", "safe get --request 3 results/");

    private static Argument<ulong> Number() => new("N") { Description = "The request's number, as `safe out list` shows it" };

    private static Option<string> Reason(string description) => new("--reason") { Description = description, HelpName = "TEXT", Required = true };

    private static Command Request()
    {
        var paths = new Argument<string[]>("FILE") { Description = "Files or directories below /safe/outbox", Arity = ArgumentArity.OneOrMore };
        var reason = Reason("Why they are to leave; the owner who decides reads it");
        return new Command("request", "Ask for files to be let out. They are not copied: if one changes afterwards, it does not leave.")
        {
            paths, reason,
        }.With("safe out request /safe/outbox/table.csv --reason 'for the journal'").Does(run => WithAsync(run, async (held, requests) =>
        {
            var entry = await requests.AskAsync([.. run.Get(paths)!.Select(p => TransferLines.Remote(p).Path)], run.Get(reason)!, run.Stop).ConfigureAwait(false);
            run.Screen.Say($"Request {entry.Number}: {OutLines.What(entry)}. An owner other than you decides: safe out show {entry.Number}");
            run.Screen.Result(OutLines.Json(entry));
        }));
    }

    private static Command List() => new Command("list", "List the requests, with whose turn it is.").With("safe out list", "safe out list --json").Does(run => WithAsync(run, async (held, requests) =>
    {
        var all = await requests.ListAsync(run.Stop).ConfigureAwait(false);
        foreach (string line in all.Select(OutLines.Line).DefaultIfEmpty("  no requests: safe out request /safe/outbox/.. --reason TEXT"))
        {
            run.Screen.Say(line);
        }

        run.Screen.Result(new JsonObject { ["safe"] = held.Profile.Name, ["requests"] = new JsonArray([.. all.Select(e => (JsonNode)OutLines.Json(e))]) });
    }));

    private static Command Show()
    {
        var number = Number();
        return new Command("show", "Show what a request holds: sizes, types, digests (as sha256sum has them).") { number }.With("safe out show 3").Does(run => WithAsync(run, async (_, requests) =>
        {
            var entry = await requests.FindAsync(run.Get(number), run.Stop).ConfigureAwait(false);
            foreach (string line in OutLines.Head(entry))
            {
                run.Screen.Say(line);
            }

            var files = new JsonArray();
            await foreach (var file in requests.FilesAsync(entry.Number, run.Stop).ConfigureAwait(false))
            {
                run.Screen.Say(OutLines.Line(file));
                if (run.Screen.Json)
                {
                    files.Add((JsonNode)OutLines.Json(file));
                }
            }

            var result = OutLines.Json(entry);
            result["list"] = files;
            run.Screen.Result(result);
        }));
    }

    private static Command Look()
    {
        var number = Number();
        var file = new Argument<string>("FILE") { Description = "As `safe out show` has it" };
        var to = new Option<string?>("--to") { Description = "Write it to this file instead of showing how it begins", HelpName = "FILE" };
        return new Command("look", "See a file of a request before you decide; owners. It is logged.") { number, file, to }
            .With("safe out look 3 /safe/outbox/table.csv", "safe out look 3 /safe/outbox/figure.pdf --to figure.pdf").Does(run => WithAsync(run, async (held, _) =>
            {
                var path = TransferLines.Remote(run.Get(file)!).Path;
                long bytes = run.Get(to) is { } target
                    ? await WriteAsync(held, run.Get(number), path, target, run.Stop).ConfigureAwait(false) : await BeginAsync(run, held, run.Get(number), path).ConfigureAwait(false);
                run.Screen.Result(new JsonObject { ["number"] = run.Get(number), ["file"] = $"/safe/{path}", ["bytes"] = bytes });
            }));
    }

    private static Command Decide(string name, string description, bool approve)
    {
        var number = Number();
        var reason = Reason("Why; it is kept with the request and in the log");
        return new Command(name, description) { number, reason }.With($"safe out {name} 3 --reason '{(approve ? "no names in it" : "row 7 names a person")}'").Does(run => WithAsync(run, async (_, requests) =>
        {
            var entry = await requests.DecideAsync(run.Get(number), approve, run.Get(reason)!, run.Stop).ConfigureAwait(false);
            run.Screen.Say($"Request {entry.Number} {(approve ? "approved" : "refused")}: {OutLines.What(entry)}" + (approve ? $". safe get --request {entry.Number} DEST" : ""));
            run.Screen.Result(OutLines.Json(entry));
        }));
    }

    private static Command Log() => new Command("log", "Show each step: who asked, looked, decided, got what.").With("safe out log").Does(run => WithAsync(run, async (held, requests) =>
    {
        var lines = new JsonArray();
        await foreach (string line in requests.LogAsync(run.Stop).ConfigureAwait(false))
        {
            run.Screen.Say(Printable.Line(line));
            if (run.Screen.Json)
            {
                lines.Add((JsonNode)JsonValue.Create(line));
            }
        }

        run.Screen.Result(new JsonObject { ["safe"] = held.Profile.Name, ["lines"] = lines });
    }));

    private static async Task<long> WriteAsync(HeldSafe held, ulong number, FilePath path, string target, CancellationToken stop)
    {
        var getting = new Getting(held.Server, [path], target, replace: false, number, look: true);
        await getting.RunAsync(stop).ConfigureAwait(false);
        return getting.Outcome.Failed is [var failed, ..] ? throw failed.Fault : getting.Outcome.Bytes;
    }

    private static async Task<long> BeginAsync(Invocation run, HeldSafe held, ulong number, FilePath path)
    {
        var (begin, length) = await new Looking(held.Server, number, path).RunAsync(run.Stop).ConfigureAwait(false);
        run.Screen.Say(Printable.Text(Encoding.UTF8.GetString(begin.Span)));
        if (length > begin.Length)
        {
            run.Screen.Say($"… {TransferLines.Size(length)} in all; --to FILE writes it whole");
        }

        return length;
    }

    private static async Task WithAsync(Invocation run, Func<HeldSafe, OutRequests, Task> act)
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        await act(held, new OutRequests(held.Server)).ConfigureAwait(false);
    }
}
