using Safes.Linux;

namespace Safes.Volumes;

/// <summary>Reads off the kernel what is left of a volume, in every namespace.</summary>
internal static class Observation
{
    internal static VolumeFacts Run(string file, string mountPoint, IReadOnlySet<KeyIdentifier> known)
    {
        var seen = new Dictionary<string, (string Process, int Pid, ulong Namespace, IReadOnlyList<MountLine> Mounts)>();
        foreach (int pid in Processes.All())
        {
            Look($"/proc/{pid}", pid, () => MountTable.Of(pid));
        }

        // The thread that asks may be the only one in its namespace.
        Look("/proc/thread-self", Environment.ProcessId, MountTable.Own);

        void Look(string process, int pid, Func<IReadOnlyList<MountLine>> read)
        {
            string ns = Processes.Link(process + "/ns/mnt"), root = Processes.Link(process + "/root");
            // No mounts: the process has just ended, and another one may tell of its namespace.
            if (ns.Length > 0 && !seen.ContainsKey(ns + root) && read() is { Count: > 0 } lines)
            {
                seen.Add(ns + root, (process, pid, ParseNamespace(ns), lines));
            }
        }

        var whole = seen.Where(s => Processes.Link(s.Value.Process + "/root") is "/").Select(s => s.Value.Namespace).ToHashSet();
        var pinned = PinnedNamespaces.Find(whole, seen.Values.Select(s => (s.Process + "/root", s.Mounts)));
        try
        {
            return Tell(file, mountPoint, known, [.. seen.Values], pinned);
        }
        finally
        {
            foreach (var pin in pinned)
            {
                pin.Dispose();
            }
        }
    }

    private static VolumeFacts Tell(
        string file, string mountPoint, IReadOnlySet<KeyIdentifier> known, IReadOnlyList<(string Process, int Pid, ulong Namespace, IReadOnlyList<MountLine> Mounts)> seen,
        IReadOnlyList<PinnedNamespace> pinned)
    {
        var loops = VolumeLoops.Of(file, mountPoint, seen.SelectMany(s => s.Mounts).Concat(pinned.SelectMany(p => p.Mounts)));
        var keys = known.ToHashSet();
        var mounts = new List<MountFact>();
        var status = KeyStatus.NotMounted;
        foreach (var (process, pid, mountNamespace, lines) in seen)
        {
            foreach (var mount in lines.Where(m => loops.Has(m.Device)))
            {
                mounts.Add(new MountFact(mountNamespace, pid, mount.Path));
                status = Worse(status, Ask($"{process}/root{mount.Path}", loops, keys));
            }
        }

        foreach (var pin in pinned)
        {
            foreach (var mount in pin.Mounts.Where(m => loops.Has(m.Device)))
            {
                mounts.Add(new MountFact(pin.Namespace, 0, mount.Path) { Pin = pin.Pin });
                status = Worse(status, pin.Run(() => Ask(mount.Path, loops, keys)));
            }
        }

        return new VolumeFacts(
            [.. loops.Devices.Keys.Order().Select(Loop.PathOf)], [.. mounts.OrderByDescending(m => m.Path == mountPoint)], status, KeyEntries(loops, keys));
    }

    /// <summary>Lines of /proc/keys that name one of the keys (what the kernel keeps per user of a key) or the file system's own keyring.</summary>
    internal static IReadOnlyList<string> KeyEntries(VolumeLoops loops, IReadOnlySet<KeyIdentifier> keys)
    {
        string[] names = [.. keys.Select(k => k.ToString()), .. loops.Devices.Keys.Select(n => $"fscrypt-loop{n}")];
        return [.. Processes.Lines("/proc/keys").Where(line => names.Any(name => Names(line, name)))];
    }

    private static bool Names(string line, string name)
    {
        int at = line.IndexOf(name, StringComparison.Ordinal);
        return at >= 0 && (at + name.Length == line.Length || !char.IsAsciiDigit(line[at + name.Length]));
    }

    private static KeyStatus Ask(string mountPoint, VolumeLoops loops, HashSet<KeyIdentifier> keys)
    {
        using var root = MountedVolume.TryOpen(mountPoint, loops);
        if (root is null)
        {
            return KeyStatus.Absent;    // a part of it mounted elsewhere: the root is what has the keys, and the mount alone counts as not closed
        }

        if (MountedVolume.AddKey(root, keys) is { } untold && keys.Count == 0)
        {
            throw new IOException(untold);    // not to be taken for a volume without a key
        }

        return keys.Select(k => MountedVolume.StatusOf(root, k)).Aggregate(KeyStatus.Absent, Worse);
    }

    // Present is worse than incompletely removed, that is worse than absent, that is worse than not mounted.
    private static KeyStatus Worse(KeyStatus a, KeyStatus b)
    {
        static int Rank(KeyStatus s) => s switch { KeyStatus.Present => 3, KeyStatus.IncompletelyRemoved => 2, KeyStatus.Absent => 1, _ => 0 };
        return Rank(a) >= Rank(b) ? a : b;
    }

    private static ulong ParseNamespace(string link) => PinnedNamespaces.NumberOf(link) ?? 0;
}
