using System.Text.Json;
using Safes.Linux;

namespace Safes.Hypervisor.Effects;

/// <summary>
/// QEMU and virtiofsd of the safe's hosts, whoever started them. They are known by number and start time, as they were recorded when they were
/// started; and by what the kernel says and nobody else has: they live in the safe's own empty network namespace, into which they are born, and
/// work on the volume or in a host's run directory. What a command line says is never looked at: it may name anything.
/// </summary>
public static class HostProcesses
{
    /// <summary>safe/hosts/NAME and safe/images/NAME lie three below the mount point; the rest is for who moves one.</summary>
    private const int Deepest = 5;

    public static IReadOnlyList<(int Pid, string Command)> Find(SafePaths paths)
    {
        var place = Place.Of(paths);
        return [.. ProcessTable.All().Where(pid => pid != Environment.ProcessId && place.Has(pid)).Select(pid => (pid, CommandOf(pid)))];
    }

    /// <summary>Ends what was found; each is looked at again through its descriptor, so that a reused number hits nobody else.</summary>
    public static void End(SafePaths paths, TimeSpan limit)
    {
        var place = Place.Of(paths);
        var ended = new List<PidFd>();
        foreach (var (pid, _) in Find(paths))
        {
            if (PidFd.Open(pid) is not { } process)
            {
                continue;
            }

            if (place.Has(pid))
            {
                process.Kill();
                ended.Add(process);
            }
            else
            {
                process.Dispose();
            }
        }

        var until = BootClock.Now + limit;
        foreach (var process in ended)
        {
            process.WaitForEnd(until - BootClock.Now);
            process.Dispose();
        }
    }

    private static string CommandOf(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/comm").TrimEnd('\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";    // it has just ended
        }
    }

    /// <summary>Where a safe's processes are, as the kernel names it.</summary>
    /// <param name="Volume">The volume's directory; null: it is not there.</param>
    /// <param name="Hosts">The directory of the hosts' run directories; null: it is not there.</param>
    /// <param name="Pin">On which the empty network namespace is bound.</param>
    /// <param name="Recorded">The processes that were recorded.</param>
    private sealed record Place(FileStatus? Volume, FileStatus? Hosts, string Pin, HashSet<ProcessStart> Recorded)
    {
        public static Place Of(SafePaths paths) => new(
            Stat.Find(paths.MountPoint, follow: true), Stat.Find(paths.Hosts, follow: true), paths.EmptyPin, [.. Records(paths.Hosts)]);

        public bool Has(int pid)
        {
            try
            {
                return IsRecorded(pid) || (InTheEmptyNetwork(pid) && Works(pid));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;    // it ended while we looked
            }
        }

        private static IEnumerable<ProcessStart> Records(string hosts)
        {
            string[] files = Directory.Exists(hosts) ? [.. Directory.EnumerateDirectories(hosts).Select(d => Path.Combine(d, "process.json"))] : [];
            foreach (string file in files)
            {
                JsonElement record;
                try
                {
                    using var document = JsonDocument.Parse(File.ReadAllBytes(file));
                    record = document.RootElement.Clone();
                }
                catch (Exception e) when (e is IOException or JsonException)
                {
                    continue;    // none was started there, or it is being removed
                }

                foreach (string program in (string[])["qemu", "virtiofsd"])
                {
                    if (record.TryGetProperty(program, out var pid) && record.TryGetProperty(program + "_start", out var start) && pid.TryGetInt32(out int number)
                        && number > 0 && start.TryGetUInt64(out ulong ticks))
                    {
                        yield return new ProcessStart(number, ticks);
                    }
                }
            }
        }

        // One that has ended and waits to be reaped is none.
        private bool IsRecorded(int pid) =>
            ProcessStart.Find(pid) is { } process && Recorded.Contains(process) && ProcessTable.StatFields(pid) is [not "Z", ..];

        // The pin is seen from inside the safe's mount namespace alone: from the process's own, and from ours when we are there, too.
        private bool InTheEmptyNetwork(int pid) =>
            ProcessTable.IsInNetwork(pid, $"/proc/{pid}/root{Pin}") || ProcessTable.IsInNetwork(pid, Pin);

        private bool Works(int pid) => IsBelow($"/proc/{pid}/cwd", Volume) || IsBelow($"/proc/{pid}/cwd", Hosts)
            || (Volume?.Device is { } volume && Stat.Find($"/proc/{pid}/root/", follow: true) is { } root && root.Device == volume && volume != Stat.Find("/")?.Device);

        // Upwards from where it works, in its own mount namespace, and by numbers: what is looked at has hosts' names.
        private static bool IsBelow(string directory, FileStatus? top)
        {
            for (int level = 0; top is { } place && level <= Deepest; level++, directory += "/..")
            {
                if (Stat.Find(directory, follow: true)?.Identity == place.Identity)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
