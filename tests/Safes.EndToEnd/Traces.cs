using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>Removes what an earlier demonstration left: only what carries its names.</summary>
internal static class Traces
{
    public static async Task RemoveAsync(string home)
    {
        await StopAsync(home);
        await Tool.TryAsync("umount", [home]);
        if (Directory.Exists(home))
        {
            Directory.Delete(home, recursive: true);
        }
    }

    /// <summary>All that power keeps up: processes, mounts, loop devices, namespaces. Files stay.</summary>
    public static async Task StopAsync(string home)
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

        // One may lie in the other: the volume in a file system on a disk on a file. A namespace that has ended lets go a moment later.
        var loops = Loop.InUse().Where(l => IsBelow(home, l)).ToHashSet();
        for (TimeSpan end = BootClock.Now + TimeSpan.FromSeconds(20); ; await Task.Delay(50))
        {
            string[] points = [.. (await File.ReadAllLinesAsync("/proc/self/mountinfo")).Select(l => l.Split(' ')[4]).Where(p => p.StartsWith(home + "/", StringComparison.Ordinal))];
            loops.RemoveWhere(l => !Loop.IsInUse(l));
            if (points.Length + loops.Count == 0)
            {
                break;
            }

            if (BootClock.Now > end)
            {
                throw new InvalidOperationException($"still in use: {string.Join(", ", points.Concat(loops.Select(Loop.PathOf)))}");
            }

            foreach (string point in points.Reverse())
            {
                await Tool.TryAsync("umount", [point]);
            }

            foreach (int loop in loops)
            {
                await Tool.TryAsync("losetup", ["--detach", Loop.PathOf(loop)]);
            }
        }

        await World.RemoveAsync();
    }

    private static bool IsBelow(string home, int loop)
    {
        try
        {
            return File.ReadAllText($"/sys/block/loop{loop}/loop/backing_file").StartsWith(home + "/", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Processes that were started for this home, but for the demonstration itself and who started it.</summary>
    private static IEnumerable<int> Ours(string home)
    {
        var pinned = Proc.PinnedBelow(home);
        var networks = World.Namespaces();
        return Proc.All().Where(pid => (Proc.BelongsTo(pid, home, pinned) || Proc.HasHome(pid, home) || networks.Contains(new FileInfo($"/proc/{pid}/ns/net").LinkTarget ?? ""))
            && !Proc.CommandLine(pid).Contains("Safes.EndToEnd", StringComparison.Ordinal));
    }
}
