using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>fcntl.h: open, openat2, descriptors, allocation and write-back of files.</summary>
public static partial class Fcntl
{
    public const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2, Create = 0x40, Exclusive = 0x80, NoControllingTerminal = 0x100, Truncate = 0x200, Append = 0x400,
        NonBlock = 0x800, Directory = 0x10000, NoFollow = 0x20000, CloseOnExec = 0x80000, PathOnly = 0x200000, Nameless = 0x410000;

    private const int DuplicateCloseOnExec = 1030;
    private const long SyscallOpenat2 = 437;
    private const uint RangeWaitBefore = 1, RangeWrite = 2, RangeWaitAfter = 4;
    private const ulong ResolveNoXdev = 1, ResolveNoMagicLinks = 2, ResolveNoSymlinks = 4, ResolveBeneath = 8;

    [StructLayout(LayoutKind.Sequential)]
    internal struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeOpen(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial nint NativeOpenat2(long number, SafeHandle directory, string path, OpenHow* how, nint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static unsafe partial nint NativeOpenat2(long number, SafeHandle directory, byte* path, OpenHow* how, nint size);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int NativeFcntl(SafeHandle fd, int command, int argument);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int NativeFsync(SafeHandle fd);

    [LibraryImport("libc", EntryPoint = "posix_fallocate")]
    private static partial int NativeFallocate(SafeHandle fd, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int NativeZeroRange(SafeHandle fd, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static partial int NativeSyncFileRange(SafeHandle fd, long offset, long length, uint flags);

    [LibraryImport("libc", EntryPoint = "readahead", SetLastError = true)]
    private static partial nint NativeReadAhead(SafeHandle fd, long offset, nint length);

    /// <summary>open(2), always close-on-exec.</summary>
    public static SafeFileHandle Open(string path, int flags, uint mode = 0x180) =>
        new(LinuxException.Check(NativeOpen(path, flags | CloseOnExec, mode), "open", path), ownsHandle: true);

    /// <summary>Opens a path below <paramref name="root"/> without following any link or leaving the file system (openat2).</summary>
    public static unsafe SafeFileHandle OpenBeneath(SafeHandle root, string relative, int flags, uint mode = 0)
    {
        var how = new OpenHow
        {
            Flags = (ulong)(uint)(flags | CloseOnExec),
            Mode = mode,
            Resolve = ResolveNoXdev | ResolveNoMagicLinks | ResolveNoSymlinks | ResolveBeneath,
        };
        // SAFETY: `how` is a local that outlives the call, and its size is passed.
        return new((int)LinuxException.Check(NativeOpenat2(SyscallOpenat2, root, relative, &how, sizeof(OpenHow)), "openat2", relative), true);
    }

    /// <inheritdoc cref="OpenBeneath(SafeHandle, string, int, uint)"/>
    public static unsafe SafeFileHandle OpenBeneath(SafeHandle root, RawPath relative, int flags, uint mode = 0)
    {
        var how = new OpenHow
        {
            Flags = (ulong)(uint)(flags | CloseOnExec),
            Mode = mode,
            Resolve = ResolveNoXdev | ResolveNoMagicLinks | ResolveNoSymlinks | ResolveBeneath,
        };
        // SAFETY: the path ends with a zero and is pinned for the call; `how` is a local that outlives it, and its size is passed.
        fixed (byte* path = relative.Terminated)
        {
            return new((int)LinuxException.Check(NativeOpenat2(SyscallOpenat2, root, path, &how, sizeof(OpenHow)), "openat2", relative.ToString()), true);
        }
    }

    /// <summary>A copy of a descriptor with a number of at least <paramref name="least"/>, close-on-exec.</summary>
    public static SafeFileHandle Duplicate(SafeHandle fd, int least = 3) =>
        new(LinuxException.Check(NativeFcntl(fd, DuplicateCloseOnExec, least), "fcntl", "F_DUPFD_CLOEXEC"), ownsHandle: true);

    /// <summary>Makes a file or directory durable. A failure is reported once by the kernel: never repeat and believe it.</summary>
    public static void Sync(SafeHandle fd, string target = "") => LinuxException.Check(NativeFsync(fd), "fsync", target);

    /// <summary>A directory's path without any link in it, as the kernel names it in /proc; what does not exist of it is left as it is.</summary>
    public static string Resolve(string path)
    {
        try
        {
            using var directory = Open(path, PathOnly | Directory);
            return File.ResolveLinkTarget($"/proc/self/fd/{directory.DangerousGetHandle()}", returnFinalTarget: false)?.FullName ?? path;
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.NotDirectory)
        {
            return Path.GetDirectoryName(path) is { } parent ? Path.Combine(Resolve(parent), Path.GetFileName(path)) : path;
        }
    }

    /// <summary>Makes the entries of a directory durable.</summary>
    public static void SyncDirectory(string path)
    {
        using var directory = Open(path, ReadOnly | Directory);
        Sync(directory, path);
    }

    /// <summary>Reserves the bytes of a file, so that writing them later cannot fail for want of room (posix_fallocate).</summary>
    public static void Allocate(SafeHandle fd, long offset, long length, string target = "")
    {
        // posix_fallocate returns its error instead of setting errno.
        int error = NativeFallocate(fd, offset, length);
        if (error != 0)
        {
            throw new LinuxException("posix_fallocate", target, error);
        }
    }

    /// <summary>Allocates a range and makes it read as zeros, giving up no block that it has (FALLOC_FL_ZERO_RANGE).</summary>
    public static void ZeroRange(SafeHandle fd, long offset, long length, string target = "") =>
        LinuxException.Check(NativeZeroRange(fd, 0x10, offset, length), "fallocate", target);

    /// <summary>Reserves room for a file to grow into (FALLOC_FL_KEEP_SIZE): its length stays, so that it can be appended to.</summary>
    public static void Reserve(SafeHandle fd, long length, string target = "") => LinuxException.Check(NativeZeroRange(fd, 0x1, 0, length), "fallocate", target);

    /// <summary>Writes dirty pages of a range and waits for it, encrypting in the calling thread (fscrypt). Not durable by itself.</summary>
    public static void WriteBack(SafeHandle fd, long offset, long length) =>
        LinuxException.Check(NativeSyncFileRange(fd, offset, length, RangeWaitBefore | RangeWrite | RangeWaitAfter), "sync_file_range");

    /// <summary>Has a range read into the page cache. Does not wait for its data, but may for where on the disk that is; of a long range the kernel does a part.</summary>
    public static void ReadAhead(SafeHandle fd, long offset, long length, string target = "") =>
        LinuxException.Check(NativeReadAhead(fd, offset, (nint)length), "readahead", target);
}
