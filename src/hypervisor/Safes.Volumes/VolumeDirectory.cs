using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>
/// A directory on the mounted volume. Paths are relative; no link is followed, no other file system entered, nothing but regular files
/// opened. Holds no descriptor between calls, because one would keep the key.
/// </summary>
public sealed class VolumeDirectory
{
    private const int OpenDirectoryFlags = Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow;

    private readonly string mountPoint;
    private readonly string below;

    internal VolumeDirectory(string mountPoint, string below)
    {
        this.mountPoint = mountPoint;
        this.below = below;
    }

    /// <summary>The directory's path, for programs that are handed one (QEMU, virtiofsd).</summary>
    public string Path => System.IO.Path.Combine(mountPoint, below);

    /// <summary>Opens the directory itself. Close it soon: it keeps the key.</summary>
    public SafeFileHandle Open() => OpenDirectory(".");

    /// <summary>A directory below this one.</summary>
    public VolumeDirectory Below(string relative) => new(mountPoint, $"{below}/{Checked(relative)}");

    /// <summary>The absolute path of an entry.</summary>
    public string PathOf(string relative) => System.IO.Path.Combine(Path, Checked(relative));

    /// <summary>Kind and size of an entry, null when there is none.</summary>
    public VolumeEntry? Find(string relative) => Stat(relative) is { } status ? Describe(System.IO.Path.GetFileName(relative), status) : null;

    /// <summary>All that statx says about an entry, null when there is none.</summary>
    public FileStatus? Stat(string relative)
    {
        using var parent = TryOpenParent(relative, out string name);
        return parent is null ? null : Linux.Stat.Find(parent, name);
    }

    public bool Exists(string relative) => Find(relative) is not null;

    /// <summary>Entries in order of name; empty when the directory is not there.</summary>
    public IReadOnlyList<VolumeEntry> List(string relative = ".")
    {
        using var directory = TryOpenDirectory(relative);
        return directory is null ? [] : [.. Names(directory).Order(StringComparer.Ordinal).Select(name =>
            Linux.Stat.Find(directory, name) is { } status ? Describe(name, status) : new VolumeEntry(name, EntryKind.Other, 0, 0))];
    }

    /// <summary>A file's content, null when there is none.</summary>
    /// <exception cref="VolumeException">NotRegular, or TooLarge for <paramref name="limit"/>.</exception>
    public byte[]? ReadFile(string relative, int limit = 1 << 20)
    {
        if (!Exists(relative))
        {
            return null;
        }

        using var file = OpenFile(relative);
        long length = Linux.Stat.Of(file).Length;
        if (length > limit)
        {
            throw new VolumeException(VolumeRefusal.TooLarge, PathOf(relative), $"{length} bytes, {limit} allowed");
        }

        byte[] content = new byte[length];
        int at = 0, n;
        while (at < content.Length && (n = RandomAccess.Read(file, content.AsSpan(at), at)) > 0)
        {
            at += n;
        }

        return content[..at];
    }

    /// <summary>Replaces a file durably and at once: temporary file, fsync, rename, fsync of the directory.</summary>
    public void WriteFile(string relative, ReadOnlySpan<byte> content, uint mode = 0x180)
    {
        using var parent = OpenParent(relative, out string name);
        string temporary = $".{name}.new";
        Unistd.Unlink(parent, temporary);
        try
        {
            using (var file = Fcntl.OpenBeneath(parent, temporary, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Exclusive | Fcntl.NoFollow, mode))
            {
                Unistd.Write(file, content);
                Linux.Stat.SetMode(file, mode);
                Fcntl.Sync(file, relative);
            }

            Stdio.Rename(parent, temporary, parent, name);
        }
        catch (LinuxException e)
        {
            Unistd.Unlink(parent, temporary);
            throw NoRoomOr(e, relative);
        }

        Fcntl.Sync(parent, relative);
    }

    /// <summary>Appends to a file (made if missing); durable when it returns.</summary>
    public void AppendFile(string relative, ReadOnlySpan<byte> content, uint mode = 0x180)
    {
        using var parent = OpenParent(relative, out string name);
        bool isNew = Linux.Stat.Find(parent, name) is null;
        using var file = OpenRegular(parent, name, Fcntl.WriteOnly | Fcntl.Append | (isNew ? Fcntl.Create : 0), mode);
        try
        {
            Unistd.Write(file, content);
            Fcntl.Sync(file, relative);
        }
        catch (LinuxException e)
        {
            throw NoRoomOr(e, relative);
        }

        if (isNew)
        {
            Fcntl.Sync(parent, relative);
        }
    }

    /// <summary>Opens a regular file, for instance to hand it to a child. Close it soon: it keeps the key.</summary>
    /// <exception cref="VolumeException">NotRegular.</exception>
    public SafeFileHandle OpenFile(string relative, bool write = false, bool create = false, uint mode = 0x180)
    {
        using var parent = OpenParent(relative, out string name);
        return OpenRegular(parent, name, (write ? Fcntl.ReadWrite : Fcntl.ReadOnly) | (create ? Fcntl.Create : 0), mode);
    }

    /// <summary>Makes a directory (and those above it) unless it is there.</summary>
    public void MakeDirectory(string relative, uint mode = 0x1c0)
    {
        string[] parts = Checked(relative).Split('/');
        for (int i = 1; i <= parts.Length; i++)
        {
            using var parent = OpenParent(string.Join('/', parts[..i]), out string name);
            if (Linux.Stat.MakeDirectory(parent, name, mode))
            {
                using var made = Fcntl.OpenBeneath(parent, name, OpenDirectoryFlags);
                Linux.Stat.SetMode(made, mode);
                Fcntl.Sync(parent, relative);
            }
            else if (Linux.Stat.Find(parent, name) is not { IsDirectory: true })
            {
                throw new VolumeException(VolumeRefusal.NotRegular, PathOf(relative), "not a directory");
            }
        }
    }

    /// <summary>Removes a file durably; false when there was none.</summary>
    public bool RemoveFile(string relative)
    {
        using var parent = TryOpenParent(relative, out string name);
        if (parent is null || !Unistd.Unlink(parent, name))
        {
            return false;
        }

        Fcntl.Sync(parent, relative);
        return true;
    }

    /// <summary>Removes a directory and all below it, following nothing; false when there was none.</summary>
    public bool RemoveTree(string relative)
    {
        using var parent = TryOpenParent(relative, out string name);
        if (parent is null || Linux.Stat.Find(parent, name) is null)
        {
            return false;
        }

        RemoveTree(parent, name);
        Fcntl.Sync(parent, relative);
        return true;
    }

    /// <summary>Makes a file of allocated blocks, so that writing it later cannot fail for want of room. Grows, never shrinks.</summary>
    /// <exception cref="VolumeException">NoRoom.</exception>
    public void Allocate(string relative, long bytes, uint mode = 0x180)
    {
        using var file = OpenFile(relative, write: true, create: true, mode);
        try
        {
            Fcntl.Allocate(file, 0, bytes, relative);
        }
        catch (LinuxException e)
        {
            throw NoRoomOr(e, relative);
        }
    }

    /// <summary>Renames durably, replacing what is there.</summary>
    public void Rename(string from, string to)
    {
        using var source = OpenParent(from, out string oldName);
        using var target = OpenParent(to, out string newName);
        Stdio.Rename(source, oldName, target, newName);
        Fcntl.Sync(target, to);
        Fcntl.Sync(source, from);
    }

    public void SetOwner(string relative, uint user, uint group)
    {
        using var entry = OpenEntry(relative);
        Unistd.Chown(entry, user, group);
    }

    /// <summary>Writes a file's dirty pages from several threads (fscrypt encrypts in the thread that asks) and waits. Not durable by itself.</summary>
    public async Task WriteBackAsync(string relative, int threads = 2)
    {
        const long page = 4096;
        using var file = OpenFile(relative);
        long part = ((Linux.Stat.Of(file).Length + threads - 1) / threads / page * page) + page;
        await Task.WhenAll(Enumerable.Range(0, threads).Select(i => Background.Run(() => Fcntl.WriteBack(file, i * part, part), "write back"))).ConfigureAwait(false);
    }

    private static void RemoveTree(SafeFileHandle parent, string name)
    {
        if (Linux.Stat.Find(parent, name) is not { IsDirectory: true })
        {
            Unistd.Unlink(parent, name);
            return;
        }

        using (var directory = Fcntl.OpenBeneath(parent, name, OpenDirectoryFlags))
        {
            foreach (string entry in Names(directory))
            {
                RemoveTree(directory, entry);
            }
        }

        Unistd.Unlink(parent, name, directory: true);
    }

    private static string[] Names(SafeFileHandle directory) =>
        [.. Directory.EnumerateFileSystemEntries($"/proc/self/fd/{directory.DangerousGetHandle()}", "*", new EnumerationOptions { AttributesToSkip = 0 })
            .Select(path => System.IO.Path.GetFileName(path))];

    private static VolumeEntry Describe(string name, FileStatus status) =>
        new(name, status.IsRegular ? EntryKind.File : status.IsDirectory ? EntryKind.Directory : EntryKind.Other, status.IsRegular ? status.Length : 0, status.AllocatedBytes);

    private static IOException NoRoomOr(LinuxException e, string relative) =>
        e.Number == Errno.NoSpace ? new VolumeException(VolumeRefusal.NoRoom, relative, e.Message) : e;

    private static string Checked(string relative) =>
        relative.Split('/').All(part => part is not ("" or "." or ".."))
            ? relative
            : throw new ArgumentException($"not a relative path: {relative}", nameof(relative));

    private SafeFileHandle OpenRegular(SafeFileHandle parent, string name, int flags, uint mode)
    {
        SafeFileHandle? file = null;
        try
        {
            // Looked at before it is opened, because opening a device or pipe does something; and after, because it may have changed.
            if (Linux.Stat.Find(parent, name) is not { IsRegular: false })
            {
                file = Fcntl.OpenBeneath(parent, name, flags | Fcntl.NoFollow | Fcntl.NonBlock, (flags & Fcntl.Create) != 0 ? mode : 0);
                if (Linux.Stat.Of(file).IsRegular)
                {
                    return file;
                }
            }
        }
        catch (LinuxException e) when (e.Number is Errno.TooManyLinks or Errno.NoDeviceOrAddress or Errno.IsDirectory)
        {
            throw new VolumeException(VolumeRefusal.NotRegular, System.IO.Path.Combine(Path, name), e.Message);
        }

        file?.Dispose();
        throw new VolumeException(VolumeRefusal.NotRegular, System.IO.Path.Combine(Path, name));
    }

    // For what acts on an open file or directory whatever it is of the two.
    private SafeFileHandle OpenEntry(string relative)
    {
        using var parent = OpenParent(relative, out string name);
        return Linux.Stat.Find(parent, name) is { IsDirectory: true }
            ? Fcntl.OpenBeneath(parent, name, OpenDirectoryFlags)
            : OpenRegular(parent, name, Fcntl.ReadOnly, 0);
    }

    private SafeFileHandle OpenParent(string relative, out string name)
    {
        int slash = Checked(relative).LastIndexOf('/');
        name = relative[(slash + 1)..];
        return OpenDirectory(slash < 0 ? "." : relative[..slash]);
    }

    private SafeFileHandle? TryOpenParent(string relative, out string name)
    {
        int slash = Checked(relative).LastIndexOf('/');
        name = relative[(slash + 1)..];
        return TryOpenDirectory(slash < 0 ? "." : relative[..slash]);
    }

    private SafeFileHandle? TryOpenDirectory(string relative)
    {
        try
        {
            return OpenDirectory(relative);
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            return null;
        }
    }

    private SafeFileHandle OpenDirectory(string relative)
    {
        using var root = MountedVolume.Open(mountPoint);
        string path = relative == "." ? below : $"{below}/{Checked(relative)}";
        try
        {
            return Fcntl.OpenBeneath(root, path, OpenDirectoryFlags);
        }
        catch (LinuxException e) when (e.Number is Errno.NotDirectory or Errno.TooManyLinks)
        {
            throw new VolumeException(VolumeRefusal.NotRegular, System.IO.Path.Combine(mountPoint, path), "not a directory");
        }
    }
}
