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

/// <summary>
/// A directory on the mounted volume. Paths are relative; no link is followed, no other file system entered, nothing but regular files
/// opened. Holds no descriptor between calls, because one would keep the key.
/// </summary>
public sealed class VolumeDirectory
{
    internal VolumeDirectory(string path) => Path = path;

    /// <summary>The directory's path, for programs that are handed one (QEMU, virtiofsd).</summary>
    public string Path { get; }

    /// <summary>A directory below this one.</summary>
    public VolumeDirectory Below(string relative) => throw new NotImplementedException();

    /// <summary>The absolute path of an entry.</summary>
    public string PathOf(string relative) => throw new NotImplementedException();

    /// <summary>Kind and size of an entry, null when there is none.</summary>
    public VolumeEntry? Find(string relative) => throw new NotImplementedException();

    public bool Exists(string relative) => Find(relative) is not null;

    /// <summary>Entries in order of name; empty when the directory is not there.</summary>
    public IReadOnlyList<VolumeEntry> List(string relative = ".") => throw new NotImplementedException();

    /// <summary>A file's content, null when there is none.</summary>
    /// <exception cref="VolumeException">Not a regular file, or larger than <paramref name="limit"/>.</exception>
    public byte[]? ReadFile(string relative, int limit = 1 << 20) => throw new NotImplementedException();

    /// <summary>Replaces a file durably and at once: temporary file, fsync, rename, fsync of the directory.</summary>
    public void WriteFile(string relative, ReadOnlySpan<byte> content, uint mode = 0x180) => throw new NotImplementedException();

    /// <summary>Appends to a file (made if missing); durable when it returns.</summary>
    public void AppendFile(string relative, ReadOnlySpan<byte> content, uint mode = 0x180) => throw new NotImplementedException();

    /// <summary>Opens a regular file, for instance to hand it to a child. Close it soon: it keeps the key.</summary>
    public Microsoft.Win32.SafeHandles.SafeFileHandle OpenFile(string relative, bool write = false, bool create = false, uint mode = 0x180) =>
        throw new NotImplementedException();

    /// <summary>Makes a directory (and those above it) unless it is there.</summary>
    public void MakeDirectory(string relative, uint mode = 0x1c0) => throw new NotImplementedException();

    /// <summary>Removes a file durably; false when there was none.</summary>
    public bool RemoveFile(string relative) => throw new NotImplementedException();

    /// <summary>Removes a directory and all below it, following nothing; false when there was none.</summary>
    public bool RemoveTree(string relative) => throw new NotImplementedException();

    /// <summary>Makes a file of allocated blocks, so that writing it later cannot fail for want of room. Grows, never shrinks.</summary>
    public void Allocate(string relative, long bytes, uint mode = 0x180) => throw new NotImplementedException();

    public void Rename(string from, string to) => throw new NotImplementedException();

    public void SetOwner(string relative, uint user, uint group) => throw new NotImplementedException();

    public void SetMode(string relative, uint mode) => throw new NotImplementedException();

    /// <summary>Writes a file's dirty pages from several threads (fscrypt encrypts in the thread that asks) and waits. Not durable by itself.</summary>
    public Task WriteBackAsync(string relative, int threads = 2) => throw new NotImplementedException();
}
