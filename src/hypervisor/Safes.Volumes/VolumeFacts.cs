namespace Safes.Volumes;

/// <summary>What the kernel says about a key.</summary>
public enum KeyStatus
{
    /// <summary>The file system is mounted nowhere, so it can have no key.</summary>
    NotMounted = 0,
    Absent = 1,
    Present = 2,

    /// <summary>The key was removed, but files opened with it still hold it.</summary>
    IncompletelyRemoved = 3,
}

/// <summary>A place where the volume is mounted: the mount namespace (inode of its nsfs file), a process that lives in it, the path there.</summary>
public sealed record MountFact(ulong Namespace, int Pid, string Path)
{
    /// <summary>Where no process lives there (<see cref="Pid"/> is 0): the file that the namespace is pinned on. Null otherwise.</summary>
    public string? Pin { get; init; }
}

/// <summary>What the kernel says about a volume, in every namespace. "Closed" is read off these, never off a state file.</summary>
/// <param name="Loops">Loop devices on the volume's file (/dev/loopN).</param>
/// <param name="Mounts">Mounts of those in any namespace that a process lives in, or that is pinned on a file.</param>
/// <param name="Key">The status of the volume's key.</param>
/// <param name="KeyEntries">Lines of /proc/keys that belong to the volume.</param>
public sealed record VolumeFacts(IReadOnlyList<string> Loops, IReadOnlyList<MountFact> Mounts, KeyStatus Key, IReadOnlyList<string> KeyEntries)
{
    public bool IsClosed => Loops.Count == 0 && Mounts.Count == 0 && Key is KeyStatus.NotMounted && KeyEntries.Count == 0;
}

/// <summary>Room on a volume, in bytes.</summary>
public sealed record RoomFacts(long Total, long Free)
{
    /// <summary>0 to 1.</summary>
    public double Used => Total == 0 ? 1 : 1 - ((double)Free / Total);
}
