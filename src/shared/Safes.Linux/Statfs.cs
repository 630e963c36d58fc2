using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>What statfs says about a file system; room in bytes.</summary>
/// <param name="Type">Its magic number (linux/magic.h).</param>
public readonly record struct FileSystemStatus(long Type, long Total, long Available);

/// <summary>sys/vfs.h.</summary>
public static partial class Statfs
{
    [LibraryImport("libc", EntryPoint = "statfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int NativeStatfs(string path, long* result);

    private const long Nfs = 0x6969, Smb2 = 0xfe534d42, Cifs = 0xff534d42;

    /// <summary>What a path's file system is called when it is another computer's, which others may have mounted too; null when it is not.</summary>
    public static string? NetworkOf(string path) => Of(path).Type switch { Nfs => "NFS", Smb2 or Cifs => "SMB", _ => null };

    /// <summary>May hang on dead storage.</summary>
    public static unsafe FileSystemStatus Of(string path)
    {
        long* s = stackalloc long[15];
        // SAFETY: struct statfs has 120 bytes on 64-bit systems.
        LinuxException.Check(NativeStatfs(path, s), "statfs", path);
        return new FileSystemStatus(s[0], s[2] * s[1], s[4] * s[1]);
    }
}
