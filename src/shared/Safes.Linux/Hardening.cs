using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>What a process that holds secrets does first: no core dump, no ptrace by the same user.</summary>
public static partial class Hardening
{
    private const int SetDumpable = 4, LimitCore = 4;

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int NativePrctl(int option, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static unsafe partial int NativeSetrlimit(int resource, ulong* limits);

    public static void Apply()
    {
        NoCore();
        LinuxException.Check(NativePrctl(SetDumpable, 0, 0, 0, 0), "prctl", "PR_SET_DUMPABLE");
    }

    /// <summary>
    /// Neither this process nor what it starts leaves a core. One byte, not none: to a program that core_pattern names the kernel gives a core
    /// at every limit but that one. Whoever has been given none, and may not change that, has none.
    /// </summary>
    internal static void NoCore()
    {
        if (!LimitCores(1) && !LimitCores(0))
        {
            throw new LinuxException("setrlimit", "RLIMIT_CORE", Marshal.GetLastPInvokeError());
        }
    }

    private static unsafe bool LimitCores(ulong bytes)
    {
        ulong* limits = stackalloc ulong[2];
        limits[0] = limits[1] = bytes;
        // SAFETY: struct rlimit is two 64-bit numbers.
        return NativeSetrlimit(LimitCore, limits) == 0;
    }
}
