using System.Globalization;

namespace Safes.Linux.Tests;

public sealed class Clock
{
    [Fact]
    public void It_is_the_kernel_s_time_since_boot_with_sleep_included()
    {
        double uptime = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.InRange(BootClock.Now.TotalSeconds, uptime - 1, uptime + 1);
    }

    [Fact]
    public void What_is_left_until_a_time_never_falls_below_nothing()
    {
        Assert.InRange(BootClock.LeftUntil(BootClock.Now + TimeSpan.FromMinutes(2)), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(2));
        Assert.Equal(TimeSpan.Zero, BootClock.LeftUntil(BootClock.Now - TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void As_a_TimeProvider_its_timestamps_are_the_same_time()
    {
        long first = BootClock.Instance.GetTimestamp();
        var now = BootClock.Now;
        Assert.InRange((now - TimeSpan.FromSeconds((double)first / BootClock.Instance.TimestampFrequency)).TotalSeconds, 0, 1);
        Assert.True(BootClock.Instance.GetElapsedTime(first) >= TimeSpan.Zero);
    }
}
