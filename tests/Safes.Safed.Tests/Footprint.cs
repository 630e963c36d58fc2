using System.Globalization;

namespace Safes.Safed.Tests;

/// <summary>
/// What a process has of the machine. Memory in MiB, by its proportional set size: of a program's file that the guardian runs too, each
/// has its half.
/// </summary>
internal sealed record Footprint(double Memory, int Threads, int Descriptors, int Children)
{
    public static Footprint Of(int pid) => new(
        int.Parse(Line($"/proc/{pid}/smaps_rollup", "Pss").Split(' ')[0], CultureInfo.InvariantCulture) / 1024.0,
        int.Parse(Status(pid, "Threads"), CultureInfo.InvariantCulture),
        Directory.GetFiles($"/proc/{pid}/fd").Count(f => new FileInfo(f).LinkTarget is { } t && !t.EndsWith(".dll", StringComparison.Ordinal)),
        File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);

    /// <summary>A line of /proc/PID/status.</summary>
    public static string Status(int pid, string name) => Line($"/proc/{pid}/status", name);

    private static string Line(string file, string name) =>
        File.ReadLines(file).First(l => l.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..].Trim();
}
