using System.Globalization;
using System.Text.Json.Nodes;
using Safes.Cli.Explaining;
using Safes.Client.Transfers;
using Safes.Contracts;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Cli.Commands;

/// <summary>A transfer as people see it: how far it is, what did not go over, and what came of it.</summary>
internal static class TransferLines
{
    private static readonly TimeSpan OnTerminal = TimeSpan.FromMilliseconds(500), Elsewhere = TimeSpan.FromSeconds(5);

    /// <summary>Runs it and tells about it; the exit status is that of the first file that did not go over.</summary>
    /// <param name="went">What bytes did: "sent", "received".</param>
    public static async Task RunAsync(Invocation run, string safe, TransferOutcome outcome, string went, Func<CancellationToken, Task> transfer)
    {
        var begun = BootClock.Now;
        using (var ended = new CancellationTokenSource())
        {
            var showing = ShowAsync(run, outcome, begun, ended.Token);
            try
            {
                await transfer(run.Stop).ConfigureAwait(false);
            }
            finally
            {
                await ended.CancelAsync().ConfigureAwait(false);
                await showing.ConfigureAwait(false);
            }
        }

        var took = BootClock.Now - begun;
        run.Screen.Say(Summary(outcome, went, took));
        foreach (var (path, why) in run.Screen.Verbose ? outcome.Skipped : [])
        {
            run.Screen.Say($"left out: {Printable.Line(path)}: {why}");
        }

        if (!run.Screen.Json)
        {
            foreach (var one in outcome.Failed)
            {
                await Console.Error.WriteAsync(Explain.Text(one.Fault, run.SafeName, json: false)).ConfigureAwait(false);
            }
        }

        run.Screen.Result(Json(safe, outcome, took));
        run.Exit = outcome.Failed is [var first, ..] ? first.Fault.Code.Exit : 0;
    }

    /// <summary>A path as people see it in hosts, such as /safe/papers/.</summary>
    /// <exception cref="FaultException">usage; file-name.</exception>
    public static (FilePath Path, bool Slash) Remote(string given)
    {
        string trimmed = given.TrimEnd('/');
        return trimmed == "/safe" ? (FilePath.Root, true)
            : trimmed.StartsWith("/safe/", StringComparison.Ordinal) ? (FilePath.Parse(trimmed["/safe/".Length..]), given.EndsWith('/'))
            : throw new FaultException(FaultCodes.Usage, ("what", $"'{given}' is no path in a safe"), ("hint", "paths in a safe are as its hosts see them: /safe/.."));
    }

    public static string Summary(TransferOutcome o, string went, TimeSpan took)
    {
        var parts = new List<string> { (o.Files == 0 ? "no file" : Count(o.Files, "file")) + (o.Already > 0 ? $" ({o.Already} there already)" : "") };
        if (o.Directories > 0)
        {
            parts.Add(Count(o.Directories, "directory", "directories"));
        }

        string moved = $"{Size(o.Sent)} {(o.Sent < o.Bytes ? "of it " : "")}{went} in {Screen(took)}";
        string text = string.Join(", ", parts) + (o.Sent == o.Bytes ? $": {moved}" : $": {Size(o.Bytes)}, {moved}");
        return text + (o.Skips > 0 ? $"; {Count(o.Skips, "link, device or pipe", "links, devices or pipes")} left out" : "")
            + (o.Failures > 0 ? $"; {o.Failures} did not go over" : "") + (o.Resumed > 0 ? $"; the connection was lost {Count(o.Resumed, "time")} and taken up again" : "");
    }

    /// <summary>Also of what is less than a mebibyte.</summary>
    public static string Size(long bytes) => bytes <= 0 ? "0 B" : HostLines.Size((ulong)bytes);

    public static string Line(TransferOutcome o, TimeSpan took)
    {
        double seconds = Math.Max(0.001, took.TotalSeconds);
        string rate = $"{Size((long)(o.Sent / seconds))}/s";
        return $"  {o.Files} of {Count(Math.Max(o.Files, o.Total.Files), "file")}, {Size(o.Bytes)} of {Size(Math.Max(o.Bytes, o.Total.Bytes))}, {rate}  {Tail(o.Current)}".TrimEnd();
    }

    private static JsonObject Json(string safe, TransferOutcome o, TimeSpan took) => new()
    {
        ["safe"] = safe,
        ["files"] = o.Files,
        ["already"] = o.Already,
        ["directories"] = o.Directories,
        ["bytes"] = o.Bytes,
        ["sent_bytes"] = o.Sent,
        ["resumed"] = o.Resumed,
        ["milliseconds"] = (long)took.TotalMilliseconds,
        ["skipped_count"] = o.Skips,
        ["skipped"] = new JsonArray([.. o.Skipped.Select(s => (JsonNode)new JsonObject { ["file"] = s.Path, ["why"] = s.Why })]),
        ["failed_count"] = o.Failures,
        ["failed"] = new JsonArray([.. o.Failed.Select(f => (JsonNode)new JsonObject { ["file"] = f.Path, ["code"] = f.Fault.Code.Code })]),
    };

    private static async Task ShowAsync(Invocation run, TransferOutcome outcome, TimeSpan begun, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(run.Screen.IsTerminal ? OnTerminal : Elsewhere);
        try
        {
            while (await timer.WaitForNextTickAsync(ended).ConfigureAwait(false))
            {
                run.Screen.Progress(Line(outcome, BootClock.Now - begun));
            }
        }
        catch (OperationCanceledException)
        {
            // It has ended; so does the showing.
        }
    }

    // The end of a path tells more than its beginning.
    private static string Tail(string path) => path.Length <= 30 ? path : "…" + path[^29..];


    private static string Screen(TimeSpan took) => Terminal.Screen.Seconds((long)took.TotalMilliseconds);

    private static string Count(long n, string one, string? many = null) => string.Create(CultureInfo.InvariantCulture, $"{n} {(n == 1 ? one : many ?? one + "s")}");
}
