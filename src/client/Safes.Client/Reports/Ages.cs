namespace Safes.Client.Reports;

/// <summary>How long something took, or is ago, in the one unit that a person would use.</summary>
public static class Ages
{
    public static string Words(TimeSpan age) => (long)Math.Max(0, age.TotalSeconds) switch
    {
        >= 2 * 86400 and var s => $"{s / 86400} days",
        >= 2 * 3600 and var s => $"{s / 3600} h",
        >= 120 and var s => $"{s / 60} min",
        var s => $"{s} s",
    };

    /// <summary>Since a moment on the wall clock; a clock that is ahead of ours makes no negative age.</summary>
    public static string Since(long unix, DateTimeOffset now) => Words(TimeSpan.FromSeconds(now.ToUnixTimeSeconds() - Math.Clamp(unix, 0, 253402300799)));
}
