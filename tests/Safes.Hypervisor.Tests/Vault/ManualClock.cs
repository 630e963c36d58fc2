namespace Safes.Hypervisor.Tests.Vaults;

/// <summary>Boot time and wall clock, each set by hand.</summary>
internal sealed class ManualClock : TimeProvider
{
    public TimeSpan SinceBoot { get; set; } = TimeSpan.FromHours(1);

    public DateTimeOffset Wall { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => SinceBoot.Ticks;

    public override DateTimeOffset GetUtcNow() => Wall;

    public void Pass(TimeSpan time)
    {
        SinceBoot += time;
        Wall += time;
    }
}
