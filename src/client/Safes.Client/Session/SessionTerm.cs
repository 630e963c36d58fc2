namespace Safes.Client.Session;

/// <summary>
/// A session's longest time: when it ends unless the password is given again, when a person is warned of that, and from when on a
/// renewal is what he wants who opens again. All on CLOCK_BOOTTIME, as at the server.
/// </summary>
/// <param name="begun">When the opening was asked for, which is before the server's own time begins: its end is never earlier than ours.</param>
public sealed class SessionTerm(TimeSpan begun, TimeSpan longest)
{
    private static readonly TimeSpan LastHour = TimeSpan.FromHours(1);
    private static readonly TimeSpan[] Warnings = [TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5)];

    private int told = Warnings.TakeWhile(w => w >= longest / 2).Count();

    /// <summary>Zero: the server names no longest time.</summary>
    public bool IsLimited => longest > TimeSpan.Zero;

    /// <summary>How long it lasts at most from now on.</summary>
    public TimeSpan Left(TimeSpan now) => begun + longest > now ? begun + longest - now : TimeSpan.Zero;

    /// <summary>The last hour, of a short session the last quarter: who opens again now wants more time, not to be told that it is open.</summary>
    public bool EndsSoon(TimeSpan now) => IsLimited && Left(now) <= (longest / 4 < LastHour ? longest / 4 : LastHour);

    /// <summary>True once for each warning that is due; one that was slept through is not made up for.</summary>
    public bool IsWarningDue(TimeSpan now)
    {
        int due = Warnings.Count(w => Left(now) <= w);
        bool fresh = IsLimited && due > told;
        told = Math.Max(told, due);
        return fresh;
    }
}
