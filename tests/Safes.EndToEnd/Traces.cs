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

    /// <summary>Processes that were started for this home, but for the demonstration itself and who started it.</summary>
    private static IEnumerable<int> Ours(string home)
    {
        var pinned = Proc.PinnedBelow(home);
        return Proc.All().Where(pid => (Proc.BelongsTo(pid, home, pinned) || Proc.HasHome(pid, home))
            && !Proc.CommandLine(pid).Contains("Safes.EndToEnd", StringComparison.Ordinal));
    }
}
