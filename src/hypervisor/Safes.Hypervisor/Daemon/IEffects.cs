using Safes.Lifecycle;

namespace Safes.Hypervisor.Daemon;

/// <summary>Makes an event of the moment it is taken from the queue.</summary>
public delegate SafeEvent EventAt(TimeSpan at);

/// <summary>Performs the lifecycle's effects on the real world. Each can be repeated, and is told to stop when it is given up.</summary>
public interface IEffects
{
    /// <param name="state">The state that planned it.</param>
    /// <returns>What was found, for effects that look; null: it was simply done.</returns>
    Task<EventAt?> PerformAsync(Effect effect, SafeState state, CancellationToken stop);

    /// <summary>How long it may take.</summary>
    TimeSpan LimitOf(Effect effect);
}

/// <summary>An effect that was not performed.</summary>
public sealed record EffectFailure(Effect Effect, Exception Cause);

/// <summary>For progress: an effect began, or ended.</summary>
public sealed record EffectStep(Effect Effect, bool Done, TimeSpan Took, Exception? Failure = null);

/// <summary>What became of an event.</summary>
/// <param name="Performed">Completes when the effects of it have been performed or given up; with the first failure.</param>
public sealed record Outcome(Transition Then, Task<EffectFailure?> Performed);
