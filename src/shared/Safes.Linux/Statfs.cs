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

    /// <summary>May hang on dead storage.</summary>
    public static unsafe FileSystemStatus Of(string path)
    {
        long* s = stackalloc long[15];
        // SAFETY: struct statfs has 120 bytes on 64-bit systems.
        LinuxException.Check(NativeStatfs(path, s), "statfs", path);
        return new FileSystemStatus(s[0], s[2] * s[1], s[4] * s[1]);
    }
}
