using Safes.Lifecycle;

namespace Safes.Hypervisor.Daemon;

/// <summary>The effects of one transition: they are waited for together.</summary>
internal sealed class Batch(SafeState state)
{
    private readonly TaskCompletionSource<EffectFailure?> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EffectFailure? failure;
    private int left;

    public SafeState State { get; } = state;

    public Task<EffectFailure?> Ended => ended.Task;

    public void Expect(int effects)
    {
        left = effects;
        if (effects == 0)
        {
            ended.TrySetResult(null);
        }
    }

    public void Finish(EffectFailure? failed)
    {
        failure ??= failed;
        if (Interlocked.Decrement(ref left) == 0)
        {
            ended.TrySetResult(failure);
        }
    }
}

/// <summary>An effect that waits its turn or is being performed.</summary>
internal sealed class Planned(Effect effect, Batch batch) : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Effect Effect { get; } = effect;

    public Batch Batch { get; } = batch;

    public CancellationToken Stop => stop.Token;

    public Task Abandoned => abandoned.Task;

    public void Abandon()
    {
        abandoned.TrySetResult();
        stop.Cancel();
    }

    public void Dispose() => stop.Dispose();
}

/// <summary>The queue of effects, in order. Giving it up empties it and stops the one that runs.</summary>
internal sealed class Plan : IDisposable
{
    private readonly Lock gate = new();
    private readonly LinkedList<Planned> waiting = [];
    private readonly SemaphoreSlim available = new(0);
    private Planned? running;

    public Batch Add(Transition then)
    {
        var batch = new Batch(then.State);
        batch.Expect(then.Effects.Count);
        lock (gate)
        {
            if (then.Abandons)
            {
                Clear(new OperationCanceledException("given up"));
                running?.Abandon();
            }

            foreach (var effect in then.Effects)
            {
                waiting.AddLast(new Planned(effect, batch));
                available.Release();
            }
        }

        return batch;
    }

    public async Task<Planned> NextAsync(CancellationToken stop)
    {
        while (true)
        {
            await available.WaitAsync(stop).ConfigureAwait(false);
            lock (gate)
            {
                if (waiting.First is { } first)
                {
                    waiting.RemoveFirst();
                    return running = first.Value;
                }
            }
        }
    }

    /// <summary>The one that ran has ended; where it failed and that matters, the rest is dropped.</summary>
    public void Finish(Planned planned, Exception? failure)
    {
        planned.Batch.Finish(failure is null ? null : new EffectFailure(planned.Effect, failure));
        lock (gate)
        {
            running = null;
            if (failure is not null && !planned.Effect.GoesOn && !planned.Abandoned.IsCompleted)
            {
                Clear(failure);
            }
        }

        planned.Dispose();
    }

    /// <summary>Completes when all that is planned by now has ended, whatever comes after it.</summary>
    public Task Ended
    {
        get
        {
            lock (gate)
            {
                return (waiting.Last?.Value ?? running)?.Batch.Ended ?? Task.CompletedTask;
            }
        }
    }

    public void Dispose() => available.Dispose();

    private void Clear(Exception why)
    {
        foreach (var dropped in waiting)
        {
            dropped.Batch.Finish(new EffectFailure(dropped.Effect, why));
            dropped.Dispose();
        }

        waiting.Clear();
    }
}
