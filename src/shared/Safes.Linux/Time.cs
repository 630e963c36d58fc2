using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>time.h: setting the wall clock.</summary>
public static partial class Time
{
    private const int ClockRealtime = 0;

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_settime", SetLastError = true)]
    private static unsafe partial int NativeClockSettime(int clock, Timespec* time);

    public static unsafe void SetWallClock(DateTimeOffset now)
    {
        long ms = now.ToUnixTimeMilliseconds();
        var time = new Timespec { Seconds = ms / 1000, Nanoseconds = ms % 1000 * 1_000_000 };
        // SAFETY: `time` is a local that outlives the call.
        LinuxException.Check(NativeClockSettime(ClockRealtime, &time), "clock_settime", "CLOCK_REALTIME");
    }
}
