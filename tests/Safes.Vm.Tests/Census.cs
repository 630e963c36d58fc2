using System.Globalization;

namespace Safes.Vm.Tests;

/// <summary>What must not grow from one cycle to the next: processes, descriptors, loop devices, namespaces.</summary>
internal sealed record Census(int Processes, int Descriptors, int Loops, int Namespaces)
{
    /// <param name="place">Processes are ours when their command line, working directory or user says so.</param>
    public static Census Take(string place, params uint[] users)
    {
        var ours = Directory.GetDirectories("/proc").Where(p => int.TryParse(Path.GetFileName(p), NumberStyles.None, CultureInfo.InvariantCulture, out int pid) &&
            pid != Environment.ProcessId && IsOurs(p, place, users)).ToArray();
        return new Census(
            ours.Length,
            OpenFiles().Length,
            Directory.GetDirectories("/sys/block", "loop*").Count(l => Read($"{l}/loop/backing_file").StartsWith(place, StringComparison.Ordinal)),
            ours.SelectMany(p => new[] { "mnt", "net", "pid" }.Select(n => new FileInfo($"{p}/ns/{n}").LinkTarget)).Distinct().Count());
    }

    /// <summary>What this process has open, but for the runtime's assemblies and symbols, which it loads when it likes.</summary>
    public static string[] OpenFiles() => [.. Directory.GetFileSystemEntries("/proc/self/fd").Select(l => new FileInfo(l).LinkTarget ?? "")
        .Where(t => !t.EndsWith(".dll", StringComparison.Ordinal) && !t.EndsWith(".pdb", StringComparison.Ordinal)).Order()];

    private static bool IsOurs(string process, string place, uint[] users) =>
        Read($"{process}/cmdline").Contains(place, StringComparison.Ordinal) ||
        (Read($"{process}/status") is var status && users.Any(u => status.Contains($"\nUid:\t{u}\t", StringComparison.Ordinal)));

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
