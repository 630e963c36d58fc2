using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>sys/mount.h.</summary>
public static partial class Mount
{
    public const ulong ReadOnly = 1, NoSetuid = 2, NoDevices = 4, NoExec = 8, NoAccessTime = 1024, NoSymbolicFollow = 256, Bind = 4096,
        Recursive = 16384, Private = 1 << 18;

    private const int UnmountNoFollow = 8;

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeMount(string source, string target, string? type, ulong flags, string? options);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeUnmount(string target, int flags);

    public static void Attach(string source, string target, string? type, ulong flags, string? options = null) =>
        LinuxException.Check(NativeMount(source, target, type, flags, options), "mount", target);

    /// <summary>Unmounts, following no link. Never lazily: what is busy is said to be busy.</summary>
    public static void Detach(string target) => LinuxException.Check(NativeUnmount(target, UnmountNoFollow), "umount2", target);
}
