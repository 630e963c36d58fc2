using System.Globalization;
using System.Text.Json.Nodes;
using Safes.Cli.Explaining;
using Safes.Client.Reports;
using Safes.Contracts;

namespace Safes.Cli.Terminal;

/// <summary>
/// What a person sees: one line a step, times only above a second, and after three seconds of waiting for whom. Plain words
/// where the output is not a terminal; with JSON the steps go into the one object that is printed at the end.
/// </summary>
internal sealed class Screen(TextWriter output, TextWriter error, bool terminal, bool json, bool verbose) : IDisposable
{
    private const int NameWidth = 16, TimesFrom = 1000, PatienceMilliseconds = 3000;

    private readonly Lock writing = new();
    private readonly JsonArray steps = [];
    private Timer? patience;
    private bool waited, unfinished;

    public bool Json => json;

    public bool Verbose => verbose;

    public void Show(Report report)
    {
        lock (writing)
        {
            patience?.Dispose();
            patience = null;
            if (json)
            {
                Collect(report);
                return;
            }

            switch (report.Kind)
            {
                case ReportKind.Began:
                    waited = false;
                    patience = new Timer(_ => SayWhom(report), null, PatienceMilliseconds, Timeout.Infinite);
                    break;
                case ReportKind.Done when report.Minor && !verbose:
                    break;
                case ReportKind.Done:
                    Line(terminal ? "✓" : "ok ", report);
                    break;
                case ReportKind.Notice when report.Code.Length > 0:
                    error.Write(Explain.Text(report.ToFault(), null, json: false));
                    break;
                case ReportKind.Notice:
                    Line(terminal ? "  ! " : "note ", report);
                    break;
            }
        }
    }

    /// <summary>A line of text of our own making.</summary>
    public void Say(string line)
    {
        if (!json)
        {
            lock (writing)
            {
                Over();
                output.Write(line + "\n");
            }
        }
    }

    /// <summary>What somebody should know while another program has the output.</summary>
    public void Hint(string line)
    {
        lock (writing)
        {
            error.Write($"  ! {Printable.Line(line)}\n");
            error.Flush();
        }
    }

    /// <summary>Whether one line can be written over again.</summary>
    public bool IsTerminal => terminal;

    /// <summary>How far something is: on a terminal in the place of what was said before, elsewhere a line of its own.</summary>
    public void Progress(string line)
    {
        if (json)
        {
            return;
        }

        lock (writing)
        {
            Over();
            string shown = Printable.Line(line);
            output.Write(terminal ? shown : shown + "\n");
            output.Flush();
            unfinished = terminal;
        }
    }

    /// <summary>More, for --verbose.</summary>
    public void Detail(string line)
    {
        if (verbose)
        {
            Say(line);
        }
    }

    /// <summary>The one object of --json, with the steps taken.</summary>
    public void Result(JsonNode result)
    {
        if (json)
        {
            if (result is JsonObject named && steps.Count > 0)
            {
                named["steps"] = steps.DeepClone();
            }

            output.Write(result.ToJsonString(JsonOptions.Default) + "\n");
        }
    }

    public static string Seconds(long milliseconds) => string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000.0:0.0} s");

    /// <summary>Nothing is waited for any more but the person.</summary>
    public void Quiet()
    {
        lock (writing)
        {
            patience?.Dispose();
            patience = null;
        }
    }

    public void Dispose()
    {
        Quiet();
        lock (writing)
        {
            Over();
        }
    }

    /// <summary>What follows stands in the place of a line of progress.</summary>
    private void Over()
    {
        if (unfinished)
        {
            (output as PrintableWriter)?.WriteOwn("\r\u001b[K");
            unfinished = false;
        }
    }

    private void Line(string mark, Report report)
    {
        string time = report.Milliseconds >= TimesFrom ? Seconds(report.Milliseconds) : "";
        string detail = string.Join(", ", new[] { Printable.Line(report.Detail), time }.Where(t => t.Length > 0));
        string name = Printable.Line(report.Name);
        if (mark == "✓")
        {
            WriteGreen(mark);
            mark = " ";
        }

        output.Write((mark + (detail.Length > 0 ? name.PadRight(NameWidth) + "  " + detail : name)).TrimEnd() + "\n");
        output.Flush();
    }

    private void WriteGreen(string sign)
    {
        var colours = output as PrintableWriter;
        output.Write("  ");
        colours?.WriteOwn("\u001b[32m");
        output.Write(sign);
        colours?.WriteOwn("\u001b[0m");
    }

    private void SayWhom(Report report)
    {
        lock (writing)
        {
            if (patience is null || waited)
            {
                return;
            }

            waited = true;
            string whom = report.WaitsFor.Length > 0 ? $"waiting for {Printable.Line(report.WaitsFor)}" : "still under way";
            string name = Printable.Line(report.Name);
            output.Write((terminal ? $"  … {name.PadRight(NameWidth)}  " : $"wait {name}: ") + whom + "\n");
            output.Flush();
        }
    }

    private void Collect(Report report)
    {
        if (report.Kind is ReportKind.Done or ReportKind.Notice)
        {
            steps.Add((JsonNode)new JsonObject
            {
                ["step"] = report.Name,
                ["kind"] = report.Kind is ReportKind.Done ? "done" : "notice",
                ["detail"] = report.Detail,
                ["milliseconds"] = report.Milliseconds,
            });
        }
    }
}
