using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>sys/timex.h: whether somebody keeps this machine's wall clock right.</summary>
public static partial class Timex
{
    private const int Length = 208, StatusAt = 40, Unsynchronised = 0x40, ErrorState = 5;

    [LibraryImport("libc", EntryPoint = "adjtimex", SetLastError = true)]
    private static unsafe partial int NativeAdjtimex(byte* timex);

    /// <summary>What the kernel was told by whoever disciplines the clock. Asking changes nothing.</summary>
    public static unsafe bool IsSynchronised
    {
        get
        {
            byte* timex = stackalloc byte[Length];
            new Span<byte>(timex, Length).Clear();
            // SAFETY: struct timex has 208 bytes; with no modes set the call only reads.
            int state = LinuxException.Check(NativeAdjtimex(timex), "adjtimex");
            return state != ErrorState && (*(int*)(timex + StatusAt) & Unsynchronised) == 0;
        }
    }
}
