using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>A process named by a descriptor: it cannot be confused with a later one of the same number.</summary>
public sealed partial class PidFd : IDisposable
{
    private const long SyscallPidfdOpen = 434, SyscallPidfdSendSignal = 424;
    private const short PollIn = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint NativePidfdOpen(long number, int pid, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint NativePidfdSendSignal(long number, SafeHandle fd, int signal, nint info, uint flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static unsafe partial int NativePoll(PollFd* fds, nuint count, int milliseconds);

    private PidFd(int pid, SafeFileHandle handle)
    {
        Pid = pid;
        Handle = handle;
    }

    public int Pid { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Opens a process by number; null when there is none.</summary>
    public static PidFd? Open(int pid)
    {
        nint fd = NativePidfdOpen(SyscallPidfdOpen, pid, 0);
        if (fd < 0 && Marshal.GetLastPInvokeError() == Errno.NoProcess)
        {
            return null;
        }

        return new PidFd(pid, new SafeFileHandle(LinuxException.Check(fd, "pidfd_open", $"pid {pid}"), ownsHandle: true));
    }

    /// <summary>Wraps a descriptor that was handed over by another process.</summary>
    public static PidFd Adopt(int pid, SafeFileHandle handle) => new(pid, handle);

    /// <summary>Sends a signal; does nothing when the process has ended.</summary>
    public void Signal(int signal)
    {
        nint result = NativePidfdSendSignal(SyscallPidfdSendSignal, Handle, signal, 0, 0);
        if (result < 0 && Marshal.GetLastPInvokeError() != Errno.NoProcess)
        {
            LinuxException.Check(result, "pidfd_send_signal", $"pid {Pid}");
        }
    }

    public void Kill() => Signal(9);

    /// <summary>Waits for the end of the process (child or not); false when the limit passed.</summary>
    public unsafe bool WaitForEnd(TimeSpan limit)
    {
        TimeSpan end = BootClock.Now + limit;
        bool held = false;
        Handle.DangerousAddRef(ref held);
        try
        {
            while (true)
            {
                var poll = new PollFd { Fd = (int)Handle.DangerousGetHandle(), Events = PollIn };
                double left = BootClock.LeftUntil(end).TotalMilliseconds;
                // SAFETY: one entry, a local that outlives the call.
                int ready = NativePoll(&poll, 1, (int)Math.Min(left, int.MaxValue));
                if (ready > 0)
                {
                    return true;
                }

                if (ready < 0 && Marshal.GetLastPInvokeError() != Errno.Interrupted)
                {
                    LinuxException.Check(ready, "poll", $"pid {Pid}");
                }

                if (BootClock.Now >= end)
                {
                    return false;
                }
            }
        }
        finally
        {
            if (held)
            {
                Handle.DangerousRelease();
            }
        }
    }

    public void Dispose() => Handle.Dispose();
}
