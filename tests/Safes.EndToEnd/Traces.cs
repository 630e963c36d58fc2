using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>Removes what an earlier demonstration left: only what carries its names.</summary>
internal static class Traces
{
    public static async Task RemoveAsync(string home)
    {
        for (int round = 0; round < 3 && Ours(home).ToArray() is { Length: > 0 } processes; round++)
        {
            foreach (int pid in processes)
            {
                using var process = PidFd.Open(pid);
                process?.Kill();
                process?.WaitForEnd(TimeSpan.FromSeconds(5));
            }
        }

        foreach (string line in (await File.ReadAllLinesAsync("/proc/self/mountinfo")).Reverse())
        {
            string point = line.Split(' ')[4];
            if (point.StartsWith(home + "/", StringComparison.Ordinal))
            {
                await Tool.TryAsync("umount", [point]);
            }
        }

        string volume = Path.Combine(home, "storage", "ledger.volume");
        if (File.Exists(volume))
        {
            foreach (string line in (await Tool.RunAsync("losetup", ["--associated", volume])).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                await Tool.TryAsync("losetup", ["--detach", line.Split(':')[0]]);
            }
        }

        await World.RemoveAsync();
        if (Directory.Exists(home))
        {
            Directory.Delete(home, recursive: true);
        }
    }

    /// <summary>
    /// Processes that were started for this home: it stands in their command line or environment, or they live in the mount
    /// namespace that its safe has pinned there.
    /// </summary>
    private static IEnumerable<int> Ours(string home)
    {
        var namespaces = Namespaces(home);
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out int pid) && pid != Environment.ProcessId && Mentions(directory, home, namespaces))
            {
                yield return pid;
            }
        }
    }

    /// <summary>The mount namespaces that safes have pinned below this home.</summary>
    internal static HashSet<string> Namespaces(string home) =>
        // "id parent dev root point ..": of a pin, the root names the namespace.
        [.. File.ReadAllLines("/proc/self/mountinfo").Select(l => l.Split(' '))
            .Where(f => f[3].StartsWith("mnt:[", StringComparison.Ordinal) && f[4].StartsWith(home + "/", StringComparison.Ordinal)).Select(f => f[3])];

    private static bool Mentions(string process, string home, HashSet<string> namespaces)
    {
        try
        {
            string command = File.ReadAllText(Path.Combine(process, "cmdline"));
            if (command.Contains("Safes.EndToEnd", StringComparison.Ordinal))
            {
                return false;
            }

            return command.Contains(home + "/", StringComparison.Ordinal)
                || File.ReadAllText(Path.Combine(process, "environ")).Contains($"={home}/", StringComparison.Ordinal)
                || namespaces.Contains(new FileInfo(Path.Combine(process, "ns/mnt")).LinkTarget ?? "");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;   // it ended while we looked
        }
    }
}
