using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>The pseudo-terminals of stdlib.h.</summary>
public static partial class Pty
{
    [LibraryImport("libc", EntryPoint = "posix_openpt", SetLastError = true)]
    private static partial int NativePosixOpenpt(int flags);

    [LibraryImport("libc", EntryPoint = "unlockpt", SetLastError = true)]
    private static partial int NativeUnlockpt(SafeHandle master);

    [LibraryImport("libc", EntryPoint = "ptsname_r")]
    private static unsafe partial int NativePtsname(SafeHandle master, byte* name, nint length);

    /// <summary>A new pseudo-terminal: the side of whoever types and reads, and the path of the other one.</summary>
    public static unsafe (SafeFileHandle Master, string Terminal) Open()
    {
        var master = new SafeFileHandle(
            LinuxException.Check(NativePosixOpenpt(Fcntl.ReadWrite | Fcntl.CloseOnExec | Fcntl.NoControllingTerminal), "posix_openpt"), true);
        LinuxException.Check(NativeUnlockpt(master), "unlockpt");
        Span<byte> name = stackalloc byte[64];
        // SAFETY: the buffer is pinned for the call and its length is passed; the function returns its error.
        fixed (byte* at = name)
        {
            int error = NativePtsname(master, at, name.Length);
            if (error != 0)
            {
                throw new LinuxException("ptsname_r", "", error);
            }
        }

        return (master, Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]));
    }
}
