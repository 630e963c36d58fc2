namespace Safes.Lifecycle;

public readonly record struct SessionId(Guid Value)
{
    public override string ToString() => Value.ToString("N")[..8];
}

public readonly record struct Device(Guid Value)
{
    public override string ToString() => Value.ToString("N")[..8];
}

/// <summary>
/// A device's live presence. Begun with a verified CK, or taken up with its token; a certificate alone never makes one.
/// All times are CLOCK_BOOTTIME.
/// </summary>
/// <param name="LeaseUntil">The sending time of the newest challenge answered, plus the lease.</param>
/// <param name="EndsBy">Then the password is asked again, however well the lease is kept.</param>
/// <param name="Silent">The newest challenge stands unanswered for longer than it should.</param>
public sealed record Session(SessionId Id, Device Device, TimeSpan LeaseUntil, TimeSpan EndsBy, bool Silent = false)
{
    public TimeSpan Until => LeaseUntil < EndsBy ? LeaseUntil : EndsBy;
}

/// <summary>A session whose token lies on the volume, and whose device it is.</summary>
public readonly record struct AwaitedSession(SessionId Id, Device Device);

/// <summary>Sessions of before a restart, which may come back by token until then.</summary>
public sealed record Awaited(Items<AwaitedSession> Sessions, TimeSpan Until);

/// <summary>Who keeps the volume busy.</summary>
/// <param name="Kind">open file, working directory, mapping, mount, loop device.</param>
/// <param name="Ours">It is safed itself: trying again will not help, its end does.</param>
public sealed record Holder(int Pid, string Command, string Kind, bool Ours = false);

/// <summary>The times that are configured.</summary>
/// <param name="Lease">How long a silent session still counts.</param>
/// <param name="Bound">The longest that closing may take, from the end of the last lease.</param>
/// <param name="Opening">The longest that opening may take.</param>
/// <param name="Retry">Between two attempts to remove a key that is still in use.</param>
/// <param name="Reboots">Whether the server is rebooted when the bound passed and the key is still there.</param>
public sealed record Terms(TimeSpan Lease, TimeSpan Bound, TimeSpan Opening, TimeSpan Retry, bool Reboots);
