using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>sys/mount.h.</summary>
public static partial class Mount
{
    public const ulong ReadOnly = 1, NoSetuid = 2, NoDevices = 4, NoExec = 8, NoAccessTime = 1024, NoSymbolicFollow = 256, Bind = 4096,
        Recursive = 16384, Private = 1 << 18;

    private const int UnmountNoFollow = 8;

    private const long SyscallOpenTree = 428, SyscallMoveMount = 429, SyscallMountSetattr = 442;
    private const uint TreeClone = 1, TreeCloseOnExec = 0x80000, FromTheDescriptor = 4, AttributeReadOnly = 1, WithAllBelow = 0x8000;
    private const int WorkingDirectory = -100, AttributesSize = 32;

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeMount(string source, string target, string? type, ulong flags, string? options);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeUnmount(string target, int flags);

    public static void Attach(string source, string target, string? type, ulong flags, string? options = null) =>
        LinuxException.Check(NativeMount(source, target, type, flags, options), "mount", target);

    /// <summary>Unmounts, following no link. Never lazily: what is busy is said to be busy.</summary>
    public static void Detach(string target) => LinuxException.Check(NativeUnmount(target, UnmountNoFollow), "umount2", target);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint NativeOpenTree(long number, int directory, string path, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint NativeMoveMount(long number, SafeHandle from, string fromPath, int to, string toPath, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial nint NativeMountSetattr(long number, int directory, string path, uint flags, ulong* attributes, nuint size);

    /// <summary>The mount at a path (or of the one file there) once more, attached nowhere: it goes with its descriptor unless <see cref="Place"/> gives it a place.</summary>
    public static SafeFileHandle Clone(string path) => new(
        LinuxException.Check(NativeOpenTree(SyscallOpenTree, WorkingDirectory, path, TreeClone | TreeCloseOnExec), "open_tree", path), ownsHandle: true);

    /// <summary>Gives a mount from <see cref="Clone"/> its place in the mount namespace of the calling thread.</summary>
    public static void Place(SafeFileHandle mount, string target) =>
        LinuxException.Check(NativeMoveMount(SyscallMoveMount, mount, "", WorkingDirectory, target, FromTheDescriptor), "move_mount", target);

    /// <summary>Makes a mount and all below it read-only, in the mount namespace of the calling thread.</summary>
    public static unsafe void MakeReadOnly(string tree)
    {
        // SAFETY: struct mount_attr is four 64-bit numbers, on this frame.
        ulong* attributes = stackalloc ulong[4];
        (attributes[0], attributes[1], attributes[2], attributes[3]) = (AttributeReadOnly, 0, 0, 0);
        LinuxException.Check(NativeMountSetattr(SyscallMountSetattr, WorkingDirectory, tree, WithAllBelow, attributes, AttributesSize), "mount_setattr", tree);
    }
}
