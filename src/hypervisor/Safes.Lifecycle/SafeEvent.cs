namespace Safes.Lifecycle;

/// <summary>Something that happened. Its time is when it was taken from the queue, on CLOCK_BOOTTIME.</summary>
public abstract record SafeEvent(TimeSpan At);

/// <summary>A device proved its password: opens the safe, or joins the open one.</summary>
public sealed record OpenRequested(TimeSpan At, Session Session) : SafeEvent(At);

/// <summary>The first owner joins: volume and key are to be made.</summary>
public sealed record ClaimRequested(TimeSpan At) : SafeEvent(At);

/// <summary>The claim's header is durable, or nothing came of it.</summary>
public sealed record ClaimEnded(TimeSpan At, bool Recorded) : SafeEvent(At);

/// <summary>The same device brought the token of a session from before the restart.</summary>
public sealed record SessionResumed(TimeSpan At, Session Session) : SafeEvent(At);

/// <summary>A challenge was answered.</summary>
/// <param name="LeaseUntil">When it was sent, plus the lease.</param>
public sealed record LeaseRenewed(TimeSpan At, SessionId Session, TimeSpan LeaseUntil) : SafeEvent(At);

/// <summary>A challenge stands unanswered: a hint to begin the write-back.</summary>
public sealed record SessionSilent(TimeSpan At, SessionId Session) : SafeEvent(At);

/// <summary>The member left, was removed, or went away while opening.</summary>
public sealed record SessionEnded(TimeSpan At, SessionId Session) : SafeEvent(At);

/// <summary>Root on the hypervisor closes by hand.</summary>
public sealed record SealRequested(TimeSpan At) : SafeEvent(At);

/// <summary>An effect of the present plan was performed.</summary>
public sealed record Performed(TimeSpan At, Effect Effect) : SafeEvent(At);

/// <summary>An effect of the present plan failed or ran out of its time.</summary>
public sealed record EffectFailed(TimeSpan At, Effect Effect, string What) : SafeEvent(At);

/// <summary>The kernel was looked at: absent, unmounted, detached, no process.</summary>
/// <param name="Claimed">Whether a header exists.</param>
public sealed record FoundClosed(TimeSpan At, bool Claimed) : SafeEvent(At);

/// <summary>The kernel was looked at: something is still there.</summary>
/// <param name="KeyGone">What is there is not the key.</param>
public sealed record FoundHeld(TimeSpan At, string What, Items<Holder> Holders, bool KeyGone = false) : SafeEvent(At);

/// <summary>The guardian process ended.</summary>
public sealed record GuardianLost(TimeSpan At) : SafeEvent(At);

/// <summary>The inside process ended by itself.</summary>
public sealed record InsideLost(TimeSpan At) : SafeEvent(At);

/// <summary>Time passed; comes each second.</summary>
public sealed record Tick(TimeSpan At) : SafeEvent(At);
