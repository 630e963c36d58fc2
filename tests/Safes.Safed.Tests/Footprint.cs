using System.Globalization;

namespace Safes.Safed.Tests;

/// <summary>
/// What a process has of the machine. Memory in MiB, by its proportional set size: of a program's file that the guardian runs too, each
/// has its half. Own is what of it lies in no file: whoever begins or ends beside it does not change that.
/// </summary>
internal sealed record Footprint(double Memory, double Own, int Threads, int Descriptors, int Children)
{
    public static Footprint Of(int pid) => new(
        Mebibytes(pid, "Pss"),
        Mebibytes(pid, "Pss_Anon"),
        int.Parse(Status(pid, "Threads"), CultureInfo.InvariantCulture),
        Directory.GetFiles($"/proc/{pid}/fd").Count(f => new FileInfo(f).LinkTarget is { } t && !t.EndsWith(".dll", StringComparison.Ordinal)),
        File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);

    /// <summary>A line of /proc/PID/status.</summary>
    public static string Status(int pid, string name) => Line($"/proc/{pid}/status", name);

    private static double Mebibytes(int pid, string name) =>
        int.Parse(Line($"/proc/{pid}/smaps_rollup", name).Split(' ')[0], CultureInfo.InvariantCulture) / 1024.0;

    private static string Line(string file, string name) =>
        File.ReadLines(file).First(l => l.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..].Trim();
}
