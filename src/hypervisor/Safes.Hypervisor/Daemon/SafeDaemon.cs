using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Daemon;

/// <summary>
/// The single owner of a safe's state. Events wait in one queue; each is given its time when it is taken, decided by the lifecycle,
/// and its effects are performed in order by a second loop. Nothing else changes the state.
/// </summary>
public sealed class SafeDaemon : IAsyncDisposable
{
    private sealed record Item(EventAt Make, TaskCompletionSource<Outcome> Answer);

    private readonly Channel<Item> queue = Channel.CreateUnbounded<Item>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Plan plan = new();
    private readonly CancellationTokenSource stopping = new();
    private readonly IEffects effects;
    private readonly Terms terms;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly long started;
    private readonly TimeSpan grace;
    private Task loops = Task.CompletedTask;
    private volatile TaskCompletionSource changed = NewSignal();
    private volatile SafeState state;
    private volatile EffectStep? running;

    /// <param name="first">What safed finds itself in, with what is to be done about it.</param>
    /// <param name="grace">How long an effect that was told to stop is waited for.</param>
    public SafeDaemon(IEffects effects, Terms terms, Transition first, TimeProvider clock, ILogger log, TimeSpan? grace = null)
    {
        (this.effects, this.terms, this.clock, this.log, this.grace) = (effects, terms, clock, log, grace ?? TimeSpan.FromSeconds(2));
        state = first.State;
        Since = clock.GetUtcNow();
        started = clock.GetTimestamp();
        plan.Add(first);
    }

    public SafeState State => state;

    /// <summary>When the kind of state last changed, wall clock, for people.</summary>
    public DateTimeOffset Since { get; private set; }

    /// <summary>CLOCK_BOOTTIME, or what the tests take for it.</summary>
    public TimeSpan Now => TimeSpan.FromTicks((long)(clock.GetTimestamp() * (10_000_000.0 / clock.TimestampFrequency)));

    /// <summary>What is being done now, and since when.</summary>
    public EffectStep? Running => running is { } r ? r with { Took = clock.GetElapsedTime(started) - r.Took } : null;

    /// <summary>Called in the loop for every event that changed something: before, event, after. Must not wait.</summary>
    public event Action<SafeState, SafeEvent, SafeState>? Transitioned;

    /// <summary>Called at the beginning and end of every effect. Must not wait.</summary>
    public event Action<EffectStep>? Stepped;

    /// <summary>Begins to work.</summary>
    public void Start() => loops = Task.WhenAll(Task.Run(DecideAsync), Task.Run(PerformAsync), Task.Run(TickAsync));

    /// <summary>Puts an event into the queue; completes when it has been decided.</summary>
    public async Task<Outcome> SubmitAsync(EventAt make)
    {
        var answer = new TaskCompletionSource<Outcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        return queue.Writer.TryWrite(new Item(make, answer))
            ? await answer.Task.ConfigureAwait(false)
            : throw new OperationCanceledException("safed is stopping");
    }

    /// <summary>Waits for a state.</summary>
    public async Task<SafeState> WhenAsync(Func<SafeState, bool> holds, CancellationToken stop)
    {
        while (true)
        {
            var signal = changed.Task;
            var now = state;
            if (holds(now))
            {
                return now;
            }

            await signal.WaitAsync(stop).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits until every effect planned so far has been performed or given up. What comes meanwhile is not waited for: where many renew their
    /// leases there is always something.
    /// </summary>
    public Task WhenPerformedAsync(CancellationToken stop) => plan.Ended.WaitAsync(stop);

    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await stopping.CancelAsync().ConfigureAwait(false);
        await loops.ConfigureAwait(false);
        while (queue.Reader.TryRead(out var late))
        {
            late.Answer.TrySetCanceled();
        }

        plan.Dispose();
        stopping.Dispose();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Signal() => Interlocked.Exchange(ref changed, NewSignal()).TrySetResult();

    private async Task DecideAsync()
    {
        try
        {
            await foreach (var item in queue.Reader.ReadAllAsync(stopping.Token).ConfigureAwait(false))
            {
                Decide(item);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: what is left in the queue is answered by DisposeAsync.
        }
    }

    private void Decide(Item item)
    {
        var before = state;
        var happened = item.Make(Now);
        var then = SafeLifecycle.Next(before, happened, terms);
        if (before.GetType() != then.State.GetType())
        {
            Since = clock.GetUtcNow();
            log.StateChanged(before.GetType().Name, then.State.GetType().Name, happened.GetType().Name, Detail(then.State));
        }

        var batch = plan.Add(then);    // first: who sees the new state and waits until all is done must not find an empty plan
        state = then.State;
        if (before != then.State)
        {
            Transitioned?.Invoke(before, happened, then.State);
        }

        Signal();
        item.Answer.TrySetResult(new Outcome(then, batch.Ended));
    }

    private static string Detail(SafeState state) => state switch
    {
        Closing c => c.Why.ToString(),
        Faulted f => f.Holders.IsEmpty ? f.What : string.Join(", ", f.Holders.Select(h => $"{h.Command} (pid {h.Pid}, {h.Kind})")),
        _ => "",
    };

    private async Task PerformAsync()
    {
        try
        {
            while (true)
            {
                var planned = await plan.NextAsync(stopping.Token).ConfigureAwait(false);
                await PerformAsync(planned).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Stopping: effects that were not begun are left; a restarted safed looks at the kernel.
        }
    }

    private async Task PerformAsync(Planned planned)
    {
        var effect = planned.Effect;
        var begun = clock.GetTimestamp();
        running = new EffectStep(effect, Done: false, clock.GetElapsedTime(started));
        Stepped?.Invoke(new EffectStep(effect, Done: false, TimeSpan.Zero));
        EventAt? found = null;
        Exception? failure = null;
        try
        {
            found = await LimitedAsync(planned).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            failure = e;
        }

        running = null;
        var took = clock.GetElapsedTime(begun);
        bool abandoned = planned.Abandoned.IsCompleted;
        if (failure is not null && !abandoned)
        {
            log.EffectFailed(failure, effect.Name, took.TotalMilliseconds);
        }
        else
        {
            log.EffectPerformed(effect.Name, took.TotalMilliseconds, abandoned);
        }

        plan.Finish(planned, failure);
        Stepped?.Invoke(new EffectStep(effect, Done: true, took, failure));
        Signal();
        if (!abandoned)
        {
            // Decided before the next effect begins, as in the model that was explored.
            await SubmitAsync(failure is null ? found ?? (at => new Performed(at, effect)) : at => new EffectFailed(at, effect, failure.Message)).ConfigureAwait(false);
        }
    }

    /// <summary>A call that hangs is left behind, with its name, when its time has passed or when it is given up.</summary>
    private async Task<EventAt?> LimitedAsync(Planned planned)
    {
        var limit = effects.LimitOf(planned.Effect);
        using var time = new CancellationTokenSource(limit, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(time.Token, planned.Stop);
        var work = Task.Run(() => effects.PerformAsync(planned.Effect, planned.Batch.State, stop.Token), CancellationToken.None);
        var stopped = Task.Delay(Timeout.Infinite, stop.Token);
        if (await Task.WhenAny(work, stopped).ConfigureAwait(false) != work
            && await Task.WhenAny(work, Task.Delay(grace, CancellationToken.None)).ConfigureAwait(false) != work)
        {
            _ = work.ContinueWith(t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw new EffectHungException(planned.Effect, limit);
        }

        return await work.ConfigureAwait(false);
    }

    private async Task TickAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping.Token).ConfigureAwait(false))
            {
                await SubmitAsync(at => new Tick(at)).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }
}

/// <summary>An effect did not end in its time.</summary>
public sealed class EffectHungException(Effect effect, TimeSpan limit) : Exception($"{effect.Name} took longer than {limit.TotalSeconds:0.#} s")
{
    public Effect Effect { get; } = effect;
}
