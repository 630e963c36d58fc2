namespace Safes.Tests;

/// <summary>What /proc says of other processes; of one that ended while we looked it says nothing.</summary>
internal static class Proc
{
    public static IEnumerable<int> All() =>
        Directory.EnumerateDirectories("/proc").Select(d => int.TryParse(Path.GetFileName(d), out int pid) ? pid : 0).Where(pid => pid > 0);

    /// <summary>A file of /proc/PID, such as "environ"; empty when the process is gone.</summary>
    public static string Text(int pid, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/{file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Where a link of /proc/PID leads, such as "cwd"; empty when the process is gone.</summary>
    public static string Link(int pid, string link)
    {
        try
        {
            return new FileInfo($"/proc/{pid}/{link}").LinkTarget ?? "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Program and arguments, parted by spaces.</summary>
    public static string CommandLine(int pid) => Text(pid, "cmdline").TrimEnd('\0').Replace('\0', ' ');

    /// <summary>Processes whose command line names a place, but for this one.</summary>
    public static int[] Naming(string place) =>
        [.. All().Where(pid => pid != Environment.ProcessId && CommandLine(pid).Contains(place, StringComparison.Ordinal)).Order()];

    /// <summary>Whether it was started for a home: that stands in its command line, it works below it, or it lives in a mount namespace that is pinned there.</summary>
    public static bool BelongsTo(int pid, string home, HashSet<string> pinned) =>
        CommandLine(pid).Contains(home + "/", StringComparison.Ordinal)
        || (Link(pid, "cwd") + "/").StartsWith(home + "/", StringComparison.Ordinal)    // QEMU of a host: in a mount namespace of the inside's own
        || pinned.Contains(Link(pid, "ns/mnt"));

    /// <summary>Whether its environment has a variable that begins with a home.</summary>
    public static bool HasHome(int pid, string home) => Text(pid, "environ").Contains($"={home}/", StringComparison.Ordinal);

    /// <summary>The mount namespaces that safes have pinned below a home.</summary>
    public static HashSet<string> PinnedBelow(string home) =>
        // "id parent dev root point ..": of a pin, the root names the namespace.
        [.. File.ReadAllLines("/proc/self/mountinfo").Select(l => l.Split(' '))
            .Where(f => f[3].StartsWith("mnt:[", StringComparison.Ordinal) && f[4].StartsWith(home + "/", StringComparison.Ordinal)).Select(f => f[3])];
}
