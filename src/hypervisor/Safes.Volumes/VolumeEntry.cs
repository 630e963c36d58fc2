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
public sealed record VolumeEntry(string Name, EntryKind Kind, long Bytes);
