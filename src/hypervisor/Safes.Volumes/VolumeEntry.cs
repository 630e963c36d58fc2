namespace Safes.Volumes;

/// <summary>An entry of a directory on the volume.</summary>
public enum EntryKind
{
    File,
    Directory,

    /// <summary>Link, device, socket, pipe: nothing that we ever open.</summary>
    Other,
}

/// <inheritdoc cref="EntryKind"/>
/// <param name="Bytes">Its length.</param>
/// <param name="AllocatedBytes">What it takes: less than its length where it has holes, more where room was reserved for it.</param>
public sealed record VolumeEntry(string Name, EntryKind Kind, long Bytes, long AllocatedBytes);
