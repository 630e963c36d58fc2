using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>
/// CLOCK_BOOTTIME: goes on while the machine sleeps, is never set. The only clock of leases, deadlines and durations.
/// As a <see cref="TimeProvider"/> its timestamps are boot time; its wall clock is the system's.
/// </summary>
public sealed partial class BootClock : TimeProvider
{
    private const int ClockBoottime = 7;

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static unsafe partial int NativeClockGettime(int clock, Timespec* time);

    public static BootClock Instance { get; } = new();

    /// <summary>Time since boot, sleep included.</summary>
    public static TimeSpan Now => TimeSpan.FromTicks(Nanoseconds / 100);

    /// <summary>What is left from now until a time since boot, as <see cref="Now"/> gives it; zero once that has passed.</summary>
    public static TimeSpan LeftUntil(TimeSpan end) => end - Now is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp() => Nanoseconds;

    private static unsafe long Nanoseconds
    {
        get
        {
            Timespec time;
            // SAFETY: `time` is a local that outlives the call.
            LinuxException.Check(NativeClockGettime(ClockBoottime, &time), "clock_gettime", "CLOCK_BOOTTIME");
            return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
        }
    }
}
