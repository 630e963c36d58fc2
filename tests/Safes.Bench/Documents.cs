using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Safes.Bench;

/// <summary>docs/benchmarks.json, and docs/benchmarks.md made from it.</summary>
internal sealed class Documents(string folder)
{
    private string Json => Path.Combine(folder, "benchmarks.json");

    /// <summary>Takes new results in. Those of other names stay, as long as the machine is the same.</summary>
    public void Add(Machine machine, IReadOnlyList<Measurement> results)
    {
        var before = File.Exists(Json) ? JsonSerializer.Deserialize(File.ReadAllText(Json), BenchmarkJson.Default.BenchmarkFile) : null;
        var kept = before?.Machine == machine ? before.Results.Where(r => results.All(n => n.Name != r.Name)) : [];
        var file = new BenchmarkFile(
            machine, DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            [.. kept.Concat(results).Select(Rounded).OrderBy(r => Items.All.Select(i => i.Name).ToList().FindIndex(n => r.Name.StartsWith(n, StringComparison.Ordinal)))]);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Json, JsonSerializer.Serialize(file, BenchmarkJson.Default.BenchmarkFile) + "\n");
        File.WriteAllText(Path.Combine(folder, "benchmarks.md"), Markdown(file));
    }

    internal static string Markdown(BenchmarkFile file)
    {
        var text = new StringBuilder();
        var m = file.Machine;
        text.Append(CultureInfo.InvariantCulture, $"""
            # Benchmarks

            Written by `./bench` from [benchmarks.json](benchmarks.json); what was not measured is not here. Medians; a baseline is measured in the same run, alternating with what it is compared to, so that its ratio
            means more than either number. {m.Processor}, {m.Cores} cores, {m.MemoryGib} GiB, Linux {m.Kernel}, QEMU {m.Qemu}, {m.Accelerator.ToUpperInvariant()}; {file.Measured}.

            | what | median | n | from – to | baseline | ratio | limit | |
            |---|---|---|---|---|---|---|---|

            """);
        foreach (var r in file.Results)
        {
            string baseline = r.BaselineMedian is { } b ? $"{Number(b)} {r.Unit}: {r.Baseline}" : "";
            string ratio = r.Ratio is { } q ? q.ToString("0.00", CultureInfo.InvariantCulture) : "";
            text.Append(CultureInfo.InvariantCulture,
                $"| **{r.Name}**: {r.What} | {Number(r.Median)} {r.Unit} | {r.N} | {Number(r.Fastest)} – {Number(r.Slowest)} | {baseline} | {ratio} | {r.Limit} | {(r.Within ? "✓" : "**over**")} |\n");
        }

        return text.ToString();
    }

    private static string Number(double n) => n.ToString(n < 10 ? "0.0#" : n < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private static Measurement Rounded(Measurement m) => m with
    {
        Median = Math.Round(m.Median, 3),
        Fastest = Math.Round(m.Fastest, 3),
        Slowest = Math.Round(m.Slowest, 3),
        BaselineMedian = m.BaselineMedian is { } b ? Math.Round(b, 3) : null,
        Ratio = m.Ratio is { } r ? Math.Round(r, 3) : null,
    };
}
