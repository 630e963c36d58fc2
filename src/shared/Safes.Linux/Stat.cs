using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>What statx says about a file.</summary>
/// <param name="ModifiedNanoseconds">Last change of content, since 1970.</param>
public readonly record struct FileStatus(
    DeviceNumber Device, ulong Inode, uint Mode, uint User, uint Group, long Length, long AllocatedBytes, long ModifiedNanoseconds, ulong MountId, uint Links)
{
    private const uint TypeMask = 0xf000;

    public bool IsRegular => (Mode & TypeMask) == 0x8000;

    public bool IsDirectory => (Mode & TypeMask) == 0x4000;

    public bool IsLink => (Mode & TypeMask) == 0xa000;

    public uint Permissions => Mode & 0xfff;

    /// <summary>What no other file has while this one is there, whatever their names.</summary>
    public (DeviceNumber Device, ulong Inode) Identity => (Device, Inode);

    /// <summary>Its owner, its group or all others may run it.</summary>
    public bool IsExecutable => (Mode & 0x49) != 0;
}

/// <summary>sys/stat.h.</summary>
public static partial class Stat
{
    private const int AtCurrent = -100, NoFollow = 0x100, EmptyPath = 0x1000, DoNotSync = 0x4000;
    private const uint BasicStats = 0x7ff, MountIdWanted = 0x1000;

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int NativeStatx(int directory, string path, int flags, uint mask, byte* result);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int NativeStatx(SafeHandle directory, string path, int flags, uint mask, byte* result);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeMkdirat(SafeHandle directory, string name, uint mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static unsafe partial int NativeStatx(SafeHandle directory, byte* path, int flags, uint mask, byte* result);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    private static unsafe partial int NativeMkdirat(SafeHandle directory, byte* path, uint mode);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int NativeFchmod(SafeHandle file, uint mode);

    /// <summary>Status of a path, null when it is not there. What a remote file system remembers is good enough: never waits for its server.</summary>
    public static unsafe FileStatus? Find(string path, bool follow = false)
    {
        byte* result = stackalloc byte[256];
        // SAFETY: struct statx has 256 bytes.
        return NativeStatx(AtCurrent, path, DoNotSync | (follow ? 0 : NoFollow), BasicStats | MountIdWanted, result) == 0
            ? Read(result)
            : Marshal.GetLastPInvokeError() is Errno.NoEntry or Errno.NotDirectory
                ? null
                : throw new LinuxException("statx", path, Marshal.GetLastPInvokeError());
    }

    /// <summary>Status of an entry of an open directory, not following it; null when it is not there.</summary>
    public static unsafe FileStatus? Find(SafeHandle directory, string name)
    {
        byte* result = stackalloc byte[256];
        // SAFETY: struct statx has 256 bytes.
        return NativeStatx(directory, name, NoFollow, BasicStats | MountIdWanted, result) == 0
            ? Read(result)
            : Marshal.GetLastPInvokeError() == Errno.NoEntry ? null : throw new LinuxException("statx", name, Marshal.GetLastPInvokeError());
    }

    /// <inheritdoc cref="Find(SafeHandle, string)"/>
    public static unsafe FileStatus? Find(SafeHandle directory, RawPath name)
    {
        byte* result = stackalloc byte[256];
        // SAFETY: the name ends with a zero and is pinned for the call; struct statx has 256 bytes.
        fixed (byte* path = name.Terminated)
        {
            return NativeStatx(directory, path, NoFollow, BasicStats | MountIdWanted, result) == 0
                ? Read(result)
                : Marshal.GetLastPInvokeError() == Errno.NoEntry ? null : throw new LinuxException("statx", name.ToString(), Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Status of an open file.</summary>
    public static unsafe FileStatus Of(SafeHandle file)
    {
        byte* result = stackalloc byte[256];
        // SAFETY: struct statx has 256 bytes.
        LinuxException.Check(NativeStatx(file, "", EmptyPath, BasicStats | MountIdWanted, result), "statx");
        return Read(result);
    }

    /// <summary>Makes a directory; false when there is something of that name already.</summary>
    public static bool MakeDirectory(SafeHandle parent, string name, uint mode)
    {
        if (NativeMkdirat(parent, name, mode) == 0)
        {
            return true;
        }

        int error = Marshal.GetLastPInvokeError();
        return error == Errno.Exists ? false : throw new LinuxException("mkdirat", name, error);
    }

    /// <inheritdoc cref="MakeDirectory(SafeHandle, string, uint)"/>
    public static unsafe bool MakeDirectory(SafeHandle parent, RawPath name, uint mode)
    {
        // SAFETY: the name ends with a zero and is pinned for the call.
        fixed (byte* path = name.Terminated)
        {
            return NativeMkdirat(parent, path, mode) == 0 || (Marshal.GetLastPInvokeError() is var error && error == Errno.Exists
                ? false : throw new LinuxException("mkdirat", name.ToString(), error));
        }
    }

    public static void SetMode(SafeHandle file, uint mode) => LinuxException.Check(NativeFchmod(file, mode), "fchmod");

    private static unsafe FileStatus Read(byte* x) => new(
        new DeviceNumber(*(uint*)(x + 136), *(uint*)(x + 140)), *(ulong*)(x + 32), *(ushort*)(x + 28), *(uint*)(x + 20), *(uint*)(x + 24),
        *(long*)(x + 40), *(long*)(x + 48) * 512, (*(long*)(x + 112) * 1_000_000_000) + *(uint*)(x + 120), *(ulong*)(x + 144), *(uint*)(x + 16));
}
