using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Profile;

/// <summary>
/// Files for their owner's eyes alone: 0600 in directories of 0700, the owner being who runs this. What is another user's, or a link, or open to
/// others is refused, not repaired.
/// </summary>
public static class PrivateFile
{
    private const uint Others = 0x3f;    // rwx of group and of all others

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a directory of mode 0700 and all above it that are missing.</summary>
    public static void MakeDirectory(string path)
    {
        Make(path);
        Check(path);
    }

    // The system's own call gives the mode to the last directory alone.
    private static void Make(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        if (Path.GetDirectoryName(path) is { Length: > 0 } above)
        {
            Make(above);
        }

        Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
    }

    /// <exception cref="FaultException">unsafe-permissions: it is a link, another user's, or others may read or write it.</exception>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static void Check(string path) => Check(path, Stat.Find(path) ?? throw new FileNotFoundException($"there is no {path}", path));

    /// <summary>Opens what is this user's own; what was checked is what is open.</summary>
    /// <exception cref="FaultException">unsafe-permissions, as <see cref="Check(string)"/>.</exception>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">It is neither a file nor, where one is wanted, a directory.</exception>
    internal static SafeFileHandle Open(string path, int flags, uint mode = 0)
    {
        SafeFileHandle opened;
        try
        {
            opened = Fcntl.Open(path, flags | Fcntl.NoFollow | Fcntl.NonBlock, mode);
        }
        catch (LinuxException e)
        {
            throw e.Number switch
            {
                Errno.NoEntry => new FileNotFoundException(e.Message, path),
                Errno.TooManyLinks => Link(path),
                Errno.NotDirectory when (flags & Fcntl.Directory) != 0 && Stat.Find(path) is { IsLink: true } => Link(path),
                Errno.NotDirectory or Errno.Access or Errno.IsDirectory => new UnauthorizedAccessException(e.Message, e),
                _ => new IOException(e.Message, e),
            };
        }

        try
        {
            var status = Stat.Of(opened);
            Check(path, status);
            return status.IsRegular || ((flags & Fcntl.Directory) != 0 && status.IsDirectory) ? opened : throw new UnauthorizedAccessException($"{path} is no file");
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    public static byte[] Read(string path)
    {
        Check(Path.GetDirectoryName(path)!);
        using var file = Open(path, Fcntl.ReadOnly);
        byte[] content = new byte[RandomAccess.GetLength(file)];
        int read = 0;
        for (int n; read < content.Length && (n = RandomAccess.Read(file, content.AsSpan(read), read)) > 0; read += n) { }

        return content[..read];
    }

    private static void Check(string path, FileStatus status)
    {
        if (status.IsLink)
        {
            throw Link(path);
        }

        if (status.User != Unistd.EffectiveUser)
        {
            throw new FaultException(FaultCodes.UnsafePermissions, ("path", path), ("owner", $"{status.User}"));
        }

        if ((status.Permissions & Others) != 0)
        {
            throw new FaultException(
                FaultCodes.UnsafePermissions, ("path", path), ("mode", Convert.ToString(status.Permissions, 8)), ("directory", status.IsDirectory ? "yes" : ""));
        }
    }

    private static FaultException Link(string path) => new(FaultCodes.UnsafePermissions, ("path", path), ("link", "yes"));

    public static string ReadText(string path) => System.Text.Encoding.UTF8.GetString(Read(path));

    /// <summary>Replaces a file whole and durably: after a crash there is the old or the new one.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        MakeDirectory(Path.GetDirectoryName(path)!);
        Replace(path, content, OwnerOnly);
    }

    /// <summary>Any file, of any mode, whole and durably; its directory is there.</summary>
    /// <exception cref="IOException">EBUSY, EXDEV as its HResult: the file is a mount, whose place no other one takes.</exception>
    /// <param name="owner">Whose it is from the start; null: the caller's.</param>
    internal static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode mode, (uint User, uint Group)? owner = null)
    {
        string directory = Path.GetDirectoryName(path)!;
        string fresh = Path.Combine(directory, $".{Path.GetFileName(path)}.{Guid.NewGuid():n}");
        try
        {
            using (SafeFileHandle file = Fcntl.Open(fresh, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Exclusive | Fcntl.NoFollow))
            {
                if (owner is var (user, group))
                {
                    Unistd.Chown(file, user, group);
                }

                Unistd.Write(file, content);
                File.SetUnixFileMode(file, mode);
                Fcntl.Sync(file, fresh);
            }

            File.Move(fresh, path, overwrite: true);
            Fcntl.SyncDirectory(directory);
        }
        catch
        {
            File.Delete(fresh);
            throw;
        }
    }

    public static void Write(string path, string content) => Write(path, System.Text.Encoding.UTF8.GetBytes(content));
}
