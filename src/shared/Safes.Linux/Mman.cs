using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>sys/mman.h: memory that is in no dump and in no swap.</summary>
public static partial class Mman
{
    private const long SyscallMemfdSecret = 447;
    private const uint SecretCloseOnExec = 0x80000;
    private const int DontFork = 10, DontDump = 16, WipeOnFork = 18, Read = 1, Write = 2, Shared = 1, Private = 2, Anonymous = 0x20;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint NativeMemfdSecret(long number, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int NativeFtruncate(int fd, nint length);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int NativeClose(int fd);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint NativeMmap(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int NativeMunmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "mlock", SetLastError = true)]
    private static partial int NativeMlock(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int NativeMadvise(nint address, nuint length, int advice);

    /// <summary>Whether the kernel offers memfd_secret (Debian 12's needs secretmem.enable=1).</summary>
    public static bool HasSecretMemory { get; } = ProbeSecretMemory();

    /// <summary>Maps whole pages that only this process sees: memfd_secret, else locked pages kept out of dumps and forks.</summary>
    /// <exception cref="LinuxException">Neither is possible, for instance because RLIMIT_MEMLOCK is used up.</exception>
    public static nint MapSecret(nuint length)
    {
        nint at;
        int fd = HasSecretMemory ? (int)NativeMemfdSecret(SyscallMemfdSecret, SecretCloseOnExec) : -1;
        if (fd >= 0)
        {
            bool sized = NativeFtruncate(fd, (nint)length) == 0;
            at = sized ? NativeMmap(0, length, Read | Write, Shared, fd, 0) : -1;
            _ = NativeClose(fd);
            if (at != -1)
            {
                LinuxException.Check(NativeMadvise(at, length, DontFork), "madvise", "MADV_DONTFORK");
                return at;
            }
        }

        at = LinuxException.Check(NativeMmap(0, length, Read | Write, Private | Anonymous, -1, 0), "mmap", "secret");
        LinuxException.Check(NativeMlock(at, length), "mlock", "secret");
        LinuxException.Check(NativeMadvise(at, length, DontDump), "madvise", "MADV_DONTDUMP");
        LinuxException.Check(NativeMadvise(at, length, WipeOnFork), "madvise", "MADV_WIPEONFORK");
        return at;
    }

    public static bool Unmap(nint at, nuint length) => NativeMunmap(at, length) == 0;

    private static bool ProbeSecretMemory()
    {
        int fd = (int)NativeMemfdSecret(SyscallMemfdSecret, SecretCloseOnExec);
        if (fd >= 0)
        {
            _ = NativeClose(fd);
        }

        return fd >= 0;
    }
}
