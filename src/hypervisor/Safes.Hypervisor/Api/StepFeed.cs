using System.Threading.Channels;
using Safes.Contracts.V1;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Hosts;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Api;

/// <summary>What is being done, as lines for the person who waits. After three seconds without one, what is waited for.</summary>
internal sealed class StepFeed : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Channel<Step?> lines = Channel.CreateUnbounded<Step?>();
    private readonly SafeDaemon daemon;
    private readonly IInsideOut? safe;

    /// <param name="safe">Tells when the inside is there; null: nobody waits for that.</param>
    public StepFeed(SafeDaemon daemon, IInsideOut? safe = null)
    {
        (this.daemon, this.safe) = (daemon, safe);
        daemon.Stepped += OnEffect;
        if (safe is not null)
        {
            safe.InsideEntered += OnInside;
        }
    }

    /// <summary>Writes lines until <paramref name="until"/> completes and none is left; null in their place: the inside is there.</summary>
    public async Task PumpAsync(Func<Step?, CancellationToken, Task> write, Task until, CancellationToken stop)
    {
        while (true)
        {
            while (lines.Reader.TryRead(out var line))
            {
                await write(line, stop).ConfigureAwait(false);
            }

            if (until.IsCompleted)
            {
                return;
            }

            var more = lines.Reader.WaitToReadAsync(stop).AsTask();
            var first = await Task.WhenAny(more, until, Task.Delay(Patience, stop)).ConfigureAwait(false);
            stop.ThrowIfCancellationRequested();
            if (first != more && first != until && daemon.Running is { } running && NameOf(running.Effect) is { } name)
            {
                await write(new Step { Name = name, WaitsFor = name, Milliseconds = (uint)running.Took.TotalMilliseconds }, stop).ConfigureAwait(false);
            }
        }
    }

    public static string? NameOf(Effect effect) => effect switch
    {
        MakeVolume => "volume file",
        AttachVolume => "volume",
        ArmGuardian => "guardian",
        AddKey => "key",
        CheckVolume => "policy and marker",
        LayOutVolume => "directories",
        ResumeHosts => "hosts",
        CutInside => "network cut",
        SuspendHosts => "hosts suspended",
        EndProcesses => "processes ended",
        LockVolume => "key removed",
        VerifyClosed => "closed",
        _ => null,
    };

    public static Step Of(HostStep step) => new()
    {
        Name = $"{step.Host}: {step.Name}",
        Done = step.Done,
        Detail = step.Detail,
        Milliseconds = (uint)step.Took.TotalMilliseconds,
        WaitsFor = step.WaitsFor,
    };

    public void Dispose()
    {
        daemon.Stepped -= OnEffect;
        if (safe is not null)
        {
            safe.InsideEntered -= OnInside;
        }
    }

    private void OnEffect(EffectStep step)
    {
        if (NameOf(step.Effect) is { } name)
        {
            lines.Writer.TryWrite(new Step
            {
                Name = name,
                Done = step.Done,
                Milliseconds = (uint)step.Took.TotalMilliseconds,
                Fault = step.Failure is null ? null : FaultMap.Message(FaultMap.Of(step.Failure)),
            });
        }
    }

    private void OnInside() => lines.Writer.TryWrite(null);
}
