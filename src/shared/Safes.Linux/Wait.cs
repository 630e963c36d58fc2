using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>sys/wait.h, for a process that inherits orphans: PID 1, or a subreaper.</summary>
public static partial class Wait
{
    private const int All = 0, ByPid = 1, NoHang = 1, Exited = 4, NoWait = 0x01000000;

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static unsafe partial int NativeWaitid(int kind, int id, byte* info, int options);

    /// <summary>The pid of an ended process that nobody has reaped yet, 0 if there is none. It is left unreaped.</summary>
    public static unsafe int Unreaped()
    {
        byte* info = stackalloc byte[128];
        new Span<byte>(info, 128).Clear();
        // SAFETY: siginfo_t has 128 bytes; without a waitable child the pid in it stays 0.
        int result = NativeWaitid(All, 0, info, Exited | NoHang | NoWait);
        if (result < 0 && Marshal.GetLastPInvokeError() != Errno.NoChild)
        {
            LinuxException.Check(result, "waitid", "P_ALL");
        }

        return result < 0 ? 0 : *(int*)(info + 16);
    }

    /// <summary>Reaps an ended process; nothing happens when somebody else has.</summary>
    public static unsafe void Reap(int pid)
    {
        byte* info = stackalloc byte[128];
        // SAFETY: siginfo_t has 128 bytes.
        _ = NativeWaitid(ByPid, pid, info, Exited | NoHang);
    }
}
