using System.Globalization;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>
/// Finds what keeps file systems busy, by looking at every process of every namespace through /proc. Of files on the volume it reads no name: what
/// a closed safe's programs have read stays in their memory, and who is told of a holder needs the process.
/// </summary>
internal sealed class HolderScan
{
    private readonly VolumeLoops volume;
    private readonly string mountPoint;
    private readonly HashSet<Holder> found = [];
    private readonly HashSet<string> namespaces = [];
    private readonly HashSet<ulong> whole = [];
    private readonly List<(int Pid, string Link, string Target)> namespaceLinks = [];
    private readonly List<(string Root, IReadOnlyList<MountLine> Mounts)> tables = [];
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

        scan.FindPinned();
        scan.namespaceLinks.ForEach(l => scan.FindOpenNamespace(l.Pid, l.Link, l.Target));
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

        scan.FindPinned();
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
            Add(pid, kind, "");
        }
    }

    private void FindFiles(int pid, string process)
    {
        foreach (string link in Processes.Entries(process + "/fd"))
        {
            if (IsOnVolume(link))
            {
                Add(pid, HoldKind.OpenFile, "");
                continue;
            }

            string target = Processes.Link(link);
            if (target is "anon_inode:inotify" or "anon_inode:[fanotify]" && Watches($"{process}/fdinfo/{Path.GetFileName(link)}"))
            {
                Add(pid, HoldKind.Watch, target);
            }
            else if (target.StartsWith("mnt:[", StringComparison.Ordinal))
            {
                namespaceLinks.Add((pid, link, target));
            }
            else if (target.StartsWith("socket:[", StringComparison.Ordinal) && BoundSockets(pid).Contains(target[8..^1]))
            {
                Add(pid, HoldKind.BoundSocket, target);
            }
        }
    }

    private void FindMappings(int pid)
    {
        foreach (string link in Processes.Entries($"/proc/{pid}/map_files"))
        {
            if (IsOnVolume(link))
            {
                Add(pid, HoldKind.Mapping, "");
                return;
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

        var mounts = MountTable.Of(pid);
        tables.Add(($"/proc/{pid}/root", mounts));
        if (mounts.Count > 0 && Processes.Link($"/proc/{pid}/root") == "/" && PinnedNamespaces.NumberOf(ns) is { } number)
        {
            whole.Add(number);
        }

        foreach (var mount in mounts.Where(m => volume.Has(m.Device)))
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

    private void FindPinned()
    {
        foreach (var pin in PinnedNamespaces.Find(whole, tables))
        {
            using (pin)
            {
                whole.Add(pin.Namespace);
                found.UnionWith(pin.Mounts.Where(m => volume.Has(m.Device)).Select(m => new Holder(0, pin.Pin, HoldKind.PinnedNamespace, m.Path)));
            }
        }
    }

    // Whoever has a namespace open keeps what is mounted there, though he lives elsewhere.
    private void FindOpenNamespace(int pid, string link, string target)
    {
        if (PinnedNamespaces.NumberOf(target) is not { } number || whole.Contains(number))
        {
            return;
        }

        try
        {
            using var open = Fcntl.Open(link, Fcntl.ReadOnly);
            if (PinnedNamespaces.MountsOf(open)?.FirstOrDefault(m => volume.Has(m.Device)) is { } mount)
            {
                Add(pid, HoldKind.OpenFile, $"{target}, a mount namespace with {mount.Path}");
            }
        }
        catch (LinuxException)
        {
            // It was closed while we looked.
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
