using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Transfer;

/// <summary>
/// A directory and what lies below it, while somebody else (a hostile virtual host) may change it at any moment: every path is opened by
/// the kernel beneath the root, no link is followed, no other file system entered, nothing but regular files and directories opened.
/// </summary>
/// <param name="open">Opens the root; the caller of it closes it again.</param>
public sealed class FileTree(Func<SafeFileHandle> open)
{
    private const int DirectoryFlags = Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow;

    /// <summary>Status of an entry, null when it, or a directory above it, is not there.</summary>
    /// <exception cref="FaultException">file-kind: a directory above it is something else.</exception>
    public FileStatus? Find(FilePath path)
    {
        using var root = open();
        if (path.IsRoot)
        {
            return Stat.Of(root);
        }

        try
        {
            using var parent = Open(root, path.Parent, DirectoryFlags);
            return Stat.Find(parent, path.Name);
        }
        catch (FaultException e) when (e.Code == FaultCodes.FileUnknown)
        {
            return null;
        }
    }

    /// <summary>Opens a regular file for reading. Never waits: not for a pipe's other end, nor for a device.</summary>
    /// <exception cref="FaultException">file-unknown, file-kind, file-denied.</exception>
    public SafeFileHandle OpenFile(FilePath path)
    {
        using var root = open();
        using var parent = path.IsRoot ? throw Refused(FaultCodes.FileKind, path, "a directory") : Open(root, path.Parent, DirectoryFlags);
        return OpenFile(parent, path.Name, path);
    }

    /// <inheritdoc cref="OpenFile(FilePath)"/>
    /// <param name="path">For the words of a fault.</param>
    public static SafeFileHandle OpenFile(SafeHandle parent, RawPath name, FilePath path)
    {
        // Looked at before it is opened, because opening a device or pipe does something; and after, because it may have changed.
        var before = Stat.Find(parent, name) ?? throw Refused(FaultCodes.FileUnknown, path);
        if (!before.IsRegular)
        {
            throw Refused(FaultCodes.FileKind, path, before.IsDirectory ? "a directory" : "neither a file nor a directory");
        }

        var file = Translated(path, () => Fcntl.OpenBeneath(parent, name, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock));
        if (Stat.Of(file).IsRegular)
        {
            return file;
        }

        file.Dispose();
        throw Refused(FaultCodes.FileKind, path, "neither a file nor a directory");
    }

    /// <exception cref="FaultException">file-unknown, file-kind, file-denied.</exception>
    public SafeFileHandle OpenDirectory(FilePath path)
    {
        using var root = open();
        return Open(root, path, DirectoryFlags);
    }

    /// <summary>A directory below an open one.</summary>
    /// <param name="path">For the words of a fault.</param>
    public static SafeFileHandle OpenDirectory(SafeHandle parent, RawPath name, FilePath path) =>
        Translated(path, () => Fcntl.OpenBeneath(parent, name, DirectoryFlags));

    /// <summary>Opens a directory, making it and those above it where they are missing; what is there stays as it is.</summary>
    /// <param name="owner">Whose those become that are made; null: the caller's.</param>
    /// <exception cref="FaultException">file-kind: something else has one of the names. file-denied.</exception>
    public SafeFileHandle MakeDirectories(FilePath path, uint mode, FileOwner? owner = null)
    {
        var at = open();
        var reached = FilePath.Root;
        foreach (var part in Parts(path))
        {
            reached = reached.Below(part.Bytes);
            using var parent = at;
            if (Named(reached, () => Stat.MakeDirectory(parent, part, mode)))
            {
                at = OpenDirectory(parent, part, reached);
                owner?.Take(at);
                Stat.SetMode(at, mode);
                Fcntl.Sync(parent);
            }
            else
            {
                at = OpenDirectory(parent, part, reached);
            }
        }

        return at;
    }

    /// <summary>What the kernel refuses about a path, as a fault that names it.</summary>
    public static T Translated<T>(FilePath path, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (LinuxException e) when (CodeOf(e.Number) is not null)
        {
            throw Refused(CodeOf(e.Number)!, path, e.Number switch
            {
                Errno.TooManyLinks => "a link, or behind one",
                Errno.NotDirectory => "not a directory",
                Errno.IsDirectory => "a directory",
                Errno.CrossDevice => "on another file system",
                Errno.NameTooLong => "too long for that file system",
                Errno.Invalid => "that file system does not take the name",
                _ => "",
            });
        }
    }

    /// <summary>
    /// The same where a name is given in a directory that is open: that nothing is there cannot be what the kernel means. exFAT says so of names that it
    /// does not take.
    /// </summary>
    public static T Named<T>(FilePath path, Func<T> call) => Translated(path, () =>
    {
        try
        {
            return call();
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            throw Refused(FaultCodes.FileName, path, "that file system does not take the name, or the directory was removed meanwhile");
        }
    });

    public static FaultException Refused(FaultCode code, FilePath path, string why = "") => new(code, ("file", path.ToString()), ("why", why));

    private static FaultCode? CodeOf(int number) => number switch
    {
        Errno.NoEntry => FaultCodes.FileUnknown,
        Errno.TooManyLinks or Errno.NotDirectory or Errno.IsDirectory or Errno.NoDeviceOrAddress or Errno.CrossDevice => FaultCodes.FileKind,
        Errno.NameTooLong or Errno.Invalid => FaultCodes.FileName,
        Errno.Access or Errno.NotPermitted or Errno.ReadOnly => FaultCodes.FileDenied,
        _ => null,
    };

    private static SafeFileHandle Open(SafeHandle root, FilePath path, int flags) => Translated(path, () => Fcntl.OpenBeneath(root, path.ToRaw(), flags));

    private static List<RawPath> Parts(FilePath path)
    {
        List<RawPath> parts = [];
        for (var at = path; !at.IsRoot; at = at.Parent)
        {
            parts.Insert(0, at.Name);
        }

        return parts;
    }
}

/// <summary>Whose a file becomes.</summary>
public sealed record FileOwner(uint User, uint Group)
{
    public void Take(SafeHandle file) => Unistd.Chown(file, User, Group);
}
