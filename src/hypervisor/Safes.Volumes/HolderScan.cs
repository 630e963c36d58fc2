using System.Globalization;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>Finds what keeps file systems busy, by looking at every process of every namespace through /proc.</summary>
internal sealed class HolderScan
{
    private readonly VolumeLoops volume;
    private readonly string mountPoint;
    private readonly HashSet<Holder> found = [];
    private readonly HashSet<string> namespaces = [];
    private readonly Dictionary<string, HashSet<string>> boundSockets = [];

    private HolderScan(VolumeLoops volume, string mountPoint)
    {
        this.volume = volume;
        this.mountPoint = mountPoint;
    }

    internal static IReadOnlyList<Holder> Run(VolumeLoops volume, string mountPoint)
    {
        if (!volume.Any)
        {
            return [];
        }

        var scan = new HolderScan(volume, mountPoint);
        scan.Look(everyThread: false);
        if (scan.found.Count == 0)
        {
            // Threads may have files of their own, and a process whose first thread has ended shows them there alone.
            scan.Look(everyThread: true);
        }

        scan.FindLoops();
        return [.. scan.found.OrderBy(h => h.Pid).ThenBy(h => h.Kind)];
    }

    /// <summary>The mounts of the volume outside our own mount point: a second one here, or in another namespace.</summary>
    internal static IReadOnlyList<Holder> RunMounts(VolumeLoops volume, string mountPoint)
    {
        var scan = new HolderScan(volume, mountPoint);
        foreach (int pid in Processes.All())
        {
            scan.FindMounts(pid);
        }

        return [.. scan.found];
    }

    private void Look(bool everyThread)
    {
        foreach (int pid in Processes.All())
        {
            FindMounts(pid);
            FindMappings(pid);
            foreach (string thread in Processes.Threads(pid))
            {
                FindLink(pid, thread + "/cwd", HoldKind.WorkingDirectory);
                FindLink(pid, thread + "/root", HoldKind.RootDirectory);
                if (everyThread)
                {
                    FindFiles(pid, thread);
                }
            }

            if (!everyThread)
            {
                FindFiles(pid, $"/proc/{pid}");
            }
        }
    }

    private void FindLink(int pid, string link, HoldKind kind)
    {
        if (IsOnVolume(link))
        {
            Add(pid, kind, Processes.Link(link));
        }
    }

    private void FindFiles(int pid, string process)
    {
        foreach (string link in Processes.Entries(process + "/fd"))
        {
            if (IsOnVolume(link))
            {
                Add(pid, HoldKind.OpenFile, Processes.Link(link));
                continue;
            }

            string target = Processes.Link(link);
            if (target is "anon_inode:inotify" or "anon_inode:[fanotify]" && Watches($"{process}/fdinfo/{Path.GetFileName(link)}"))
            {
                Add(pid, HoldKind.Watch, target);
            }
            else if (target.StartsWith("socket:[", StringComparison.Ordinal) && BoundSockets(pid).Contains(target[8..^1]))
            {
                Add(pid, HoldKind.BoundSocket, target);
            }
        }
    }

    private void FindMappings(int pid)
    {
        foreach (string line in Processes.Lines($"/proc/{pid}/maps"))
        {
            // 7f00-7f10 rw-s 00000000 07:00 12    /path
            string[] parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            int colon = parts.Length > 3 ? parts[3].IndexOf(':', StringComparison.Ordinal) : -1;
            if (colon > 0 && uint.TryParse(parts[3].AsSpan(0, colon), NumberStyles.HexNumber, null, out uint major)
                && uint.TryParse(parts[3].AsSpan(colon + 1), NumberStyles.HexNumber, null, out uint minor) && volume.Has(new DeviceNumber(major, minor)))
            {
                Add(pid, HoldKind.Mapping, parts.Length > 5 ? parts[5].Trim() : "");
            }
        }
    }

    private void FindMounts(int pid)
    {
        string ns = Processes.Link($"/proc/{pid}/ns/mnt"), own = Processes.Link("/proc/thread-self/ns/mnt");
        // A changed root shows only the mounts below it, so processes of one namespace can see different ones.
        if (ns.Length == 0 || !namespaces.Add(ns + Processes.Link($"/proc/{pid}/root")))
        {
            return;
        }

        foreach (var mount in MountTable.Of(pid).Where(m => volume.Has(m.Device)))
        {
            if (ns != own)
            {
                Add(pid, HoldKind.OtherNamespace, mount.Path);
            }
            else if (mount.Path != mountPoint && Processes.Link($"/proc/{pid}/root") == "/")
            {
                Add(0, HoldKind.SecondMount, mount.Path);
            }
        }
    }

    private void FindLoops()
    {
        foreach (int number in Loop.InUse())
        {
            if (VolumeLoops.Find(number) is { } backing && volume.Has(backing.Device))
            {
                found.Add(new Holder(0, Loop.PathOf(number), HoldKind.LoopDevice, $"inode {backing.Inode}"));
            }
        }
    }

    private bool Watches(string fdinfo)
    {
        foreach (string line in Processes.Lines(fdinfo))
        {
            int at = line.IndexOf(" sdev:", StringComparison.Ordinal);
            string digits = at < 0 ? "" : line[(at + 6)..].Split(' ')[0];
            // The kernel's own form of a device number: minor in the low 20 bits.
            if (uint.TryParse(digits, NumberStyles.HexNumber, null, out uint device) && volume.Has(new DeviceNumber(device >> 20, device & 0xfffff)))
            {
                return true;
            }
        }

        return false;
    }

    private HashSet<string> BoundSockets(int pid)
    {
        string ns = Processes.Link($"/proc/{pid}/ns/net");
        if (!boundSockets.TryGetValue(ns, out var sockets))
        {
            // Num RefCount Protocol Flags Type State Inode Path
            sockets = [.. Processes.Lines($"/proc/{pid}/net/unix").Select(l => l.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries))
                .Where(p => p.Length == 8 && p[7].StartsWith(mountPoint + "/", StringComparison.Ordinal)).Select(p => p[6])];
            boundSockets.Add(ns, sockets);
        }

        return sockets;
    }

    private bool IsOnVolume(string link)
    {
        try
        {
            return Stat.Find(link, follow: true) is { } status && volume.Has(status.Device);
        }
        catch (IOException)
        {
            return false;   // the process has ended, or the file is on a remote system that does not answer
        }
    }

    private void Add(int pid, HoldKind kind, string path) => found.Add(new Holder(pid, pid == 0 ? "mount" : Processes.Command(pid), kind, path));
}
