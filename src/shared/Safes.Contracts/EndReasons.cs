namespace Safes.Contracts;

/// <summary>
/// Why a session ended, as the server tells its member: stable words, for which each program finds its own. Of `closed` and `not-opened` the
/// detail is one of <see cref="Causes"/>, where there is one.
/// </summary>
public static class EndReasons
{
    public const string Left = "left", Lease = "lease", LongestTime = "longest-time", Removed = "removed", Sealed = "sealed", Replaced = "replaced", Closed = "closed",
        NotOpened = "not-opened";

    public static IReadOnlyList<string> All { get; } = [Left, Lease, LongestTime, Removed, Sealed, Replaced, Closed, NotOpened];

    /// <summary>Why the safe closed while it was open or opening.</summary>
    public static IReadOnlyList<string> Causes { get; } =
    [
        "last-left", "lease-ended", "sealed", "opener-gone", "opening-failed", "opening-too-slow", "claimed", "nobody-came-back", "guardian-lost", "found-unfinished", "adoption-failed", "inside-failed",
    ];
}
