using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// How many processors a process keeps busy, on average: from the look before the last one on, so over one to two times what lies between two
/// looks. One moment alone says little of a machine.
/// </summary>
/// <param name="time">The time that processors have worked for it so far; null: it has ended.</param>
public sealed class ProcessorUse(Func<TimeSpan?> time)
{
    /// <summary>Nothing is said of less: the kernel counts in hundredths of a second.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private (TimeSpan Used, TimeSpan At)? earlier, latest;

    /// <summary>Takes it down; to be called at even distances.</summary>
    /// <param name="now">Since the server was started.</param>
    public void Look(TimeSpan now)
    {
        if (time() is { } used)
        {
            lock (gate)
            {
                (earlier, latest) = (latest ?? (used, now), (used, now));
            }
        }
    }

    /// <summary>In processors: 1.5 are one and a half. 0 before anything is known, and when it has ended.</summary>
    public double Average(TimeSpan now)
    {
        lock (gate)
        {
            return earlier is { } from && now - from.At >= Shortest && time() is { } used ? Math.Max(0, (used - from.Used) / (now - from.At)) : 0;
        }
    }
}
