using System.Text.Json.Serialization;

namespace Safes.Bench;

/// <summary>What was measured, against what, and how far it may go.</summary>
/// <param name="What">In a sentence: from where to where.</param>
/// <param name="Median">In <paramref name="Unit"/>, of <paramref name="N"/> runs.</param>
/// <param name="Baseline">What the baseline is; null when the limit is absolute.</param>
/// <param name="Ratio">Median to the baseline's median, measured in the same run.</param>
/// <param name="Limit">In words.</param>
public sealed record Measurement(
    string Name, string What, string Unit, double Median, int N, double Fastest, double Slowest, string? Baseline, double? BaselineMedian, double? Ratio, string Limit, bool Within)
{
    /// <summary>Milliseconds that may not exceed an absolute limit.</summary>
    public static Measurement Below(string name, string what, IReadOnlyList<TimeSpan> times, double limitMilliseconds)
    {
        double[] ms = Milliseconds(times);
        return new Measurement(
            name, what, "ms", MedianOf(ms), ms.Length, ms.Min(), ms.Max(), null, null, null, $"{limitMilliseconds} ms", MedianOf(ms) < limitMilliseconds);
    }

    /// <summary>Milliseconds against a baseline's of the same run: at most <paramref name="ratio"/> times it, or so much more.</summary>
    public static Measurement Against(
        string name, string what, IReadOnlyList<TimeSpan> times, string baseline, IReadOnlyList<TimeSpan> baselineTimes, double ratio, double orMilliseconds = 0)
    {
        double[] ms = Milliseconds(times);
        double median = MedianOf(ms), other = MedianOf(Milliseconds(baselineTimes));
        string limit = orMilliseconds > 0 ? $"{ratio} times, or {orMilliseconds} ms more" : $"{ratio} times";
        return new Measurement(
            name, what, "ms", median, ms.Length, ms.Min(), ms.Max(), baseline, other, median / other, limit, median <= other * ratio || (orMilliseconds > 0 && median <= other + orMilliseconds));
    }

    /// <summary>A rate, the more the better, that must reach a share of the baseline's.</summary>
    public static Measurement AtLeast(
        string name, string what, string unit, IReadOnlyList<double> rates, string baseline, IReadOnlyList<double> baselineRates, double share)
    {
        double median = MedianOf(rates), other = MedianOf(baselineRates);
        return new Measurement(
            name, what, unit, median, rates.Count, rates.Min(), rates.Max(), baseline, other, median / other, $"at least {share} times", median >= other * share);
    }

    public static double MedianOf(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static double[] Milliseconds(IReadOnlyList<TimeSpan> times) => [.. times.Select(t => t.TotalMilliseconds)];
}

/// <summary>Where it was measured.</summary>
public sealed record Machine(string Processor, int Cores, double MemoryGib, string Kernel, string Qemu, string Accelerator);

/// <summary>docs/benchmarks.json.</summary>
public sealed record BenchmarkFile(Machine Machine, string Measured, IReadOnlyList<Measurement> Results);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(BenchmarkFile))]
internal sealed partial class BenchmarkJson : JsonSerializerContext;
