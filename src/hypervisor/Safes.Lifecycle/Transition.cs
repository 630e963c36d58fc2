namespace Safes.Lifecycle;

/// <summary>Why an event changes nothing.</summary>
public enum Refusal
{
    Unclaimed,
    AlreadyClaimed,
    NotOpen,
    Opening,
    Closing,
    Faulted,
    NoSession,
}

/// <summary>The next state and what to do.</summary>
/// <param name="Abandons">What was planned before is given up: the effect that runs is cancelled and waited for, the others are dropped.</param>
public sealed record Transition(SafeState State, Items<Effect> Effects, bool Abandons = false, Refusal? Refusal = null)
{
    /// <summary>Nothing changes, and that is right.</summary>
    public static Transition Same(SafeState state) => new(state, []);

    public static Transition Refused(SafeState state, SafeEvent happened) => Same(state) with { Refusal = RefusalOf(state, happened) };

    private static Refusal RefusalOf(SafeState state, SafeEvent happened) => (state, happened) switch
    {
        (Unclaimed, _) => Lifecycle.Refusal.Unclaimed,
        (_, ClaimRequested) => Lifecycle.Refusal.AlreadyClaimed,
        (Closed, _) => Lifecycle.Refusal.NotOpen,
        (Opening, _) => Lifecycle.Refusal.Opening,
        (Closing, _) => Lifecycle.Refusal.Closing,
        (Faulted, _) => Lifecycle.Refusal.Faulted,
        _ => Lifecycle.Refusal.NoSession,
    };
}
