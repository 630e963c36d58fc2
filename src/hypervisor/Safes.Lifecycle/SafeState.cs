namespace Safes.Lifecycle;

/// <summary>Where a safe stands. Each state holds only what exists in it.</summary>
public abstract record SafeState
{
    private protected SafeState()
    {
    }
}

/// <summary>No key exists; nothing can be opened. Waits for its owner's first join.</summary>
public sealed record Unclaimed : SafeState;

/// <summary>The kernel was looked at in this boot: no key, no mount, no loop device, no process of the safe.</summary>
public sealed record Closed : SafeState;

/// <summary>On the way to Open, or, while it is claimed, to the end of that.</summary>
/// <param name="Until">By then it is open, or it is closed again.</param>
public sealed record Opening(Purpose For, TimeSpan Until) : SafeState;

/// <summary>Somebody holds it open; or, after a restart, is waited for.</summary>
public sealed record Open(Items<Session> Sessions, Awaited? Awaited) : SafeState
{
    /// <summary>When the inside process has ended by itself, within <see cref="SafeLifecycle.InsideMinute"/>.</summary>
    public Items<TimeSpan> InsideDeaths { get; init; }

    public bool IsLast(SessionId session) => Awaited is null && Sessions.Count == 1 && Sessions[0].Id == session;

    public Session? Find(SessionId id) => Sessions.FirstOrDefault(s => s.Id == id);
}

/// <summary>On the way to Closed; nothing turns it back.</summary>
/// <param name="Until">The bound: by then the key is absent, or the safe is Faulted.</param>
public sealed record Closing(CloseReason Why, TimeSpan Until) : SafeState;

/// <summary>The key could not be removed, or it could not be seen that it was.</summary>
/// <param name="What">What stands in the way, when no holder could be named.</param>
/// <param name="NextTry">Null while an attempt is running.</param>
/// <param name="RebootAt">Null where rebooting is not configured.</param>
/// <param name="KeyGone">The key at least was seen to be absent.</param>
public sealed record Faulted(string What, Items<Holder> Holders, TimeSpan? NextTry, TimeSpan? RebootAt, bool KeyGone = false) : SafeState;

/// <summary>What a safe is opened for.</summary>
public abstract record Purpose
{
    private protected Purpose()
    {
    }
}

/// <summary>A member opens it to work.</summary>
public sealed record Work(Session Opener) : Purpose;

/// <summary>The first owner's join: the volume and its key come to be.</summary>
public sealed record Claim : Purpose;

public enum CloseReason
{
    LastLeft,
    LeaseEnded,
    Sealed,
    OpenerGone,
    OpeningFailed,
    OpeningTooSlow,
    Claimed,
    NobodyCameBack,
    GuardianLost,
    FoundUnfinished,
    AdoptionFailed,
    InsideFailed,
}
