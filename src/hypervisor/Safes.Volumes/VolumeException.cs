namespace Safes.Volumes;

/// <summary>Why a volume is refused. Expected outcomes: each has its own sentence for people.</summary>
public enum VolumeRefusal
{
    /// <summary>The caller is not root.</summary>
    NotRoot,

    /// <summary>There is a file already where the volume is to be made.</summary>
    Exists,

    /// <summary>The file is not there.</summary>
    Missing,

    /// <summary>The file is shorter than recorded, or than the file system in it says.</summary>
    Truncated,

    /// <summary>The file holds no file system of ours, or another one.</summary>
    Foreign,

    /// <summary>The file, or the place where it lies, cannot be written.</summary>
    ReadOnly,

    /// <summary>Storage that others can write (network file systems and block devices, FUSE).</summary>
    SharedStorage,

    /// <summary>The place has too little room.</summary>
    NoRoom,

    /// <summary>The file has a loop device already, or something is mounted at the mount point.</summary>
    InUse,

    /// <summary>The volume is not mounted where it should be.</summary>
    NotAttached,

    /// <summary>The key is not the one the volume was made with.</summary>
    WrongKey,

    /// <summary>The encrypted directory is missing, replaced or has another policy.</summary>
    PolicyWrong,

    /// <summary>The entry is not a regular file (or not a directory, where one is wanted).</summary>
    NotRegular,

    /// <summary>The entry is larger than the caller allows.</summary>
    TooLarge,

    /// <summary>The storage did not answer within the limit.</summary>
    Unreachable,
}

/// <summary>A volume is refused, for an expected reason.</summary>
public sealed class VolumeException(VolumeRefusal reason, string target, string? detail = null)
    : IOException($"{target}: {reason}{(detail is null ? "" : $" ({detail})")}")
{
    public VolumeRefusal Reason { get; } = reason;

    /// <summary>The file or directory it is about.</summary>
    public string Target { get; } = target;

    public string? Detail { get; } = detail;
}
