using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>unistd.h: identity of the caller, raw reads and writes, exec.</summary>
public static partial class Unistd
{
    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint NativeGetEuid();

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint NativeRead(SafeHandle fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint NativeWrite(SafeHandle fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeChown(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int NativeExecve(string path, byte** argv, byte** envp);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int NativeFchown(SafeHandle file, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeUnlinkat(SafeHandle directory, string name, int flags);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static unsafe partial int NativeUnlinkat(SafeHandle directory, byte* name, int flags);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static unsafe partial nint NativePwrite(SafeHandle fd, byte* buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int NativeSyncfs(SafeHandle file);

    [LibraryImport("libc", EntryPoint = "isatty")]
    private static partial int NativeIsatty(SafeHandle fd);

    /// <summary>Whether a descriptor is a terminal.</summary>
    public static bool IsTerminal(SafeHandle fd) => NativeIsatty(fd) == 1;

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long NativeLseek(SafeHandle fd, long offset, int whence);

    /// <summary>The effective user id of this process; 0 is root.</summary>
    public static uint EffectiveUser => NativeGetEuid();

    /// <summary>Reads once into <paramref name="buffer"/>, again after a signal; 0 at the end.</summary>
    public static unsafe int Read(SafeHandle fd, Span<byte> buffer)
    {
        // SAFETY: the span is pinned for the duration of the call and its length is passed.
        fixed (byte* at = buffer)
        {
            nint n;
            while ((n = NativeRead(fd, at, buffer.Length)) < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted) { }

            return (int)LinuxException.Check(n, "read");
        }
    }

    /// <summary>Writes all of <paramref name="buffer"/>.</summary>
    public static unsafe void Write(SafeHandle fd, ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            // SAFETY: the span is pinned for the duration of the call and its length is passed.
            fixed (byte* at = buffer)
            {
                nint n = NativeWrite(fd, at, buffer.Length);
                if (n < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted)
                {
                    continue;
                }

                buffer = buffer[(int)LinuxException.Check(n, "write")..];
            }
        }
    }

    /// <summary>Writes all of <paramref name="buffer"/> at a place of a file, leaving its position alone.</summary>
    public static unsafe void WriteAt(SafeHandle fd, ReadOnlySpan<byte> buffer, long offset)
    {
        while (!buffer.IsEmpty)
        {
            // SAFETY: the span is pinned for the duration of the call and its length is passed.
            fixed (byte* at = buffer)
            {
                nint n = NativePwrite(fd, at, buffer.Length, offset);
                if (n < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted)
                {
                    continue;
                }

                int written = (int)LinuxException.Check(n, "pwrite");
                buffer = buffer[written..];
                offset += written;
            }
        }
    }

    /// <summary>Where the next read or write of an open file happens; shared with whom the descriptor was handed to.</summary>
    public static long Position(SafeHandle fd) => Seek(fd, 0, 1) ?? throw new LinuxException("lseek", "SEEK_CUR", Errno.Io);

    /// <summary>The next stretch of a file, from <paramref name="offset"/> on, that is no hole; null when only holes follow.</summary>
    public static (long Start, long End)? NextData(SafeHandle fd, long offset) =>
        Seek(fd, offset, 3) is { } start ? (start, Seek(fd, start, 4) ?? start) : null;

    private static long? Seek(SafeHandle fd, long offset, int whence)
    {
        const int noSuchData = 6;
        long at = NativeLseek(fd, offset, whence);
        return at >= 0 ? at
            : Marshal.GetLastPInvokeError() == noSuchData ? null : throw new LinuxException("lseek", $"{whence}", Marshal.GetLastPInvokeError());
    }

    public static void Chown(string path, uint user, uint group) => LinuxException.Check(NativeChown(path, user, group), "chown", path);

    public static void Chown(SafeHandle file, uint user, uint group) => LinuxException.Check(NativeFchown(file, user, group), "fchown");

    /// <summary>Removes a file (or, with <paramref name="directory"/>, an empty directory); false when there is none.</summary>
    public static bool Unlink(SafeHandle parent, string name, bool directory = false)
    {
        const int removeDirectory = 0x200;
        if (NativeUnlinkat(parent, name, directory ? removeDirectory : 0) == 0)
        {
            return true;
        }

        int error = Marshal.GetLastPInvokeError();
        return error == Errno.NoEntry ? false : throw new LinuxException("unlinkat", name, error);
    }

    /// <inheritdoc cref="Unlink(SafeHandle, string, bool)"/>
    public static unsafe bool Unlink(SafeHandle parent, RawPath name, bool directory = false)
    {
        const int removeDirectory = 0x200;
        // SAFETY: the name ends with a zero and is pinned for the call.
        fixed (byte* path = name.Terminated)
        {
            return NativeUnlinkat(parent, path, directory ? removeDirectory : 0) == 0 || (Marshal.GetLastPInvokeError() is var error && error == Errno.NoEntry
                ? false : throw new LinuxException("unlinkat", name.ToString(), error));
        }
    }

    /// <summary>Writes all of a file system. May hang on dead storage.</summary>
    public static void SyncFileSystem(SafeHandle onIt) => LinuxException.Check(NativeSyncfs(onIt), "syncfs");

    /// <summary>Replaces this process. Returns only by throwing.</summary>
    public static unsafe void Execve(string path, IReadOnlyList<string> arguments, IEnumerable<KeyValuePair<string, string>> environment)
    {
        using var argv = new StringVector(arguments);
        using var envp = new StringVector(environment.Select(e => $"{e.Key}={e.Value}"));
        // SAFETY: both vectors live until the call returns, and it returns only on failure.
        LinuxException.Check(NativeExecve(path, argv.Pointer, envp.Pointer), "execve", path);
    }
}
