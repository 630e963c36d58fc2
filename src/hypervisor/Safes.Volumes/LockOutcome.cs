namespace Safes.Volumes;

/// <summary>How something keeps a volume busy.</summary>
public enum HoldKind
{
    WorkingDirectory,
    RootDirectory,
    OpenFile,
    Mapping,

    /// <summary>An inotify or fanotify watch.</summary>
    Watch,

    /// <summary>A Unix socket bound to a name on the volume.</summary>
    BoundSocket,

    /// <summary>The volume is mounted a second time in our own namespace.</summary>
    SecondMount,

    /// <summary>The volume is mounted in another mount namespace; the process named is one that lives there.</summary>
    OtherNamespace,

    /// <summary>The volume is mounted in a mount namespace that no process lives in: <see cref="Holder.Command"/> is the file that it is pinned on.
    /// <see cref="Holder.Pid"/> is 0.</summary>
    PinnedNamespace,

    /// <summary>A loop device on a file of the volume. No process: <see cref="Holder.Pid"/> is 0.</summary>
    LoopDevice,

    /// <summary>The loop device of the volume itself stays in use by something that shows in no process's files. Pid 0.</summary>
    Unseen,
}

/// <summary>One thing that keeps a volume busy.</summary>
/// <param name="Pid">The process, 0 when it is the kernel's own doing.</param>
/// <param name="Command">The process's name (comm), the device, or the pin.</param>
/// <param name="Kind">How it holds.</param>
/// <param name="Path">What it holds, as the kernel names it.</param>
public sealed record Holder(int Pid, string Command, HoldKind Kind, string Path);

/// <summary>What came of locking a volume.</summary>
public abstract record LockOutcome
{
    private LockOutcome()
    {
    }

    /// <summary>Key absent, nothing mounted in any namespace, no loop device.</summary>
    /// <param name="WriteError">Set when the storage failed to take what was written last: the key went, those data may not be there.</param>
    public sealed record Absent(string? WriteError = null) : LockOutcome;

    /// <summary>Something holds the volume. Not locked; locking can be tried again until it lets go.</summary>
    /// <param name="KeyAbsent">Whether the key at least has gone (then the data can no longer be read by path).</param>
    public sealed record Busy(IReadOnlyList<Holder> Holders, bool KeyAbsent) : LockOutcome;

    /// <summary>The storage did not answer within the limit in this step. Not locked.</summary>
    public sealed record Unreachable(string Step, bool KeyAbsent) : LockOutcome;
}
