using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>signal.h.</summary>
public static partial class SignalNumbers
{
    public const int Hangup = 1, Interrupt = 2, Kill = 9, Terminate = 15, Continue = 18, Stop = 19, BadSystemCall = 31;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int NativeKill(int pid, int signal);

    /// <summary>Has this process stopped, as Ctrl-Z does. Returns at once; the threads stop soon after.</summary>
    public static void StopSelf() => LinuxException.Check(NativeKill(Environment.ProcessId, Stop), "kill", "self");

    /// <summary>Kills a whole process group; nothing happens when it is gone.</summary>
    internal static void KillGroup(int leader)
    {
        if (NativeKill(-leader, Kill) < 0 && Marshal.GetLastPInvokeError() != Errno.NoProcess)
        {
            throw new LinuxException("kill", $"group {leader}", Marshal.GetLastPInvokeError());
        }
    }
}
