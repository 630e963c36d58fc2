using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Profile;

/// <summary>Files for their owner's eyes alone: 0600 in directories of 0700. Others' access to them is refused, not repaired.</summary>
public static class PrivateFile
{
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute |
        UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

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

    /// <exception cref="FaultException">unsafe-permissions: others may read or write it.</exception>
    public static void Check(string path)
    {
        var mode = File.GetUnixFileMode(path);
        if ((mode & Others) != 0)
        {
            throw new FaultException(
                FaultCodes.UnsafePermissions, ("path", path), ("mode", Convert.ToString((int)mode, 8)), ("directory", Directory.Exists(path) ? "yes" : ""));
        }
    }

    public static byte[] Read(string path)
    {
        Check(Path.GetDirectoryName(path)!);
        Check(path);
        return File.ReadAllBytes(path);
    }

    public static string ReadText(string path) => System.Text.Encoding.UTF8.GetString(Read(path));

    /// <summary>Replaces a file whole and durably: after a crash there is the old or the new one.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        MakeDirectory(Path.GetDirectoryName(path)!);
        Replace(path, content, OwnerOnly);
    }

    /// <summary>Any file, of any mode, whole and durably; its directory is there.</summary>
    /// <exception cref="IOException">EBUSY, EXDEV as its HResult: the file is a mount, whose place no other one takes.</exception>
    internal static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        string directory = Path.GetDirectoryName(path)!;
        string fresh = Path.Combine(directory, $".{Path.GetFileName(path)}.{Guid.NewGuid():n}");
        try
        {
            using (SafeFileHandle file = Fcntl.Open(fresh, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Exclusive | Fcntl.NoFollow))
            {
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
