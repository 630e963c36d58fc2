using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>dirent.h: the entries of an open directory, one after the other, by the bytes of their names.</summary>
public sealed partial class Dirent : IDisposable
{
    private const int NameAt = 19;

    private nint stream;

    /// <summary>Reads through a descriptor of its own; the other one stays open and where it is.</summary>
    public Dirent(SafeHandle directory)
    {
        using var own = Fcntl.OpenBeneath(directory, ".", Fcntl.ReadOnly | Fcntl.Directory);
        stream = NativeFdopendir((int)own.DangerousGetHandle());
        if (stream == 0)
        {
            throw new LinuxException("fdopendir", "", Marshal.GetLastPInvokeError());
        }

        own.SetHandleAsInvalid();    // it is the stream's from here on
    }

    [LibraryImport("libc", EntryPoint = "fdopendir", SetLastError = true)]
    private static partial nint NativeFdopendir(int fd);

    [LibraryImport("libc", EntryPoint = "readdir", SetLastError = true)]
    private static partial nint NativeReaddir(nint stream);

    [LibraryImport("libc", EntryPoint = "closedir", SetLastError = true)]
    private static partial int NativeClosedir(nint stream);

    /// <summary>The next name but "." and ".."; null at the end.</summary>
    public unsafe RawPath? Next()
    {
        ObjectDisposedException.ThrowIf(stream == 0, this);
        while (true)
        {
            nint entry = NativeReaddir(stream);
            if (entry == 0)
            {
                int error = Marshal.GetLastPInvokeError();
                return error == 0 ? null : throw new LinuxException("readdir", "", error);
            }

            // SAFETY: the entry stays as it is until the next call, and its name ends with a zero.
            var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)entry + NameAt);
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                return new RawPath(name);
            }
        }
    }

    public void Dispose()
    {
        if (stream != 0)
        {
            _ = NativeClosedir(stream);
            stream = 0;
        }
    }
}
