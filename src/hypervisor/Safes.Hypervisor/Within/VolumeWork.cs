using Safes.Contracts;

namespace Safes.Hypervisor.Within;

/// <summary>
/// The door of the open volume: requests that work on it go through here, and closing shuts it. Who is inside then is told to stop and
/// waited for, because a descriptor of ours would keep the key like anybody else's.
/// </summary>
public sealed class VolumeWork
{
    private readonly Lock gate = new();
    private CancellationTokenSource? open;
    private TaskCompletionSource empty = Done();
    private int inside;

    /// <summary>Whether anybody is let in now.</summary>
    public bool IsOpen
    {
        get
        {
            lock (gate)
            {
                return open is not null;
            }
        }
    }

    public void Open()
    {
        lock (gate)
        {
            open ??= new CancellationTokenSource();
        }
    }

    /// <summary>Lets nobody in any more, and tells those inside to stop.</summary>
    public void Shut()
    {
        CancellationTokenSource? was;
        lock (gate)
        {
            (was, open) = (open, null);
        }

        was?.Cancel();
    }

    /// <summary>Completes when nobody is inside.</summary>
    public Task WhenEmpty
    {
        get
        {
            lock (gate)
            {
                return empty.Task;
            }
        }
    }

    /// <exception cref="FaultException"><see cref="FaultCodes.NotOpen"/>, or <see cref="FaultCodes.Closing"/> when it was shut meanwhile.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken stop)
    {
        CancellationTokenSource linked;
        lock (gate)
        {
            if (open is null)
            {
                throw new FaultException(FaultCodes.NotOpen);
            }

            linked = CancellationTokenSource.CreateLinkedTokenSource(open.Token, stop);
            if (inside++ == 0)
            {
                empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        try
        {
            return await work(linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new FaultException(FaultCodes.Closing);
        }
        finally
        {
            linked.Dispose();
            lock (gate)
            {
                if (--inside == 0)
                {
                    empty.TrySetResult();
                }
            }
        }
    }

    private static TaskCompletionSource Done()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }
}
