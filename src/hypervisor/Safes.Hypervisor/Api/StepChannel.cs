using System.Threading.Channels;
using Safes.Contracts.V1;
using Safes.Hypervisor.Hosts;

namespace Safes.Hypervisor.Api;

/// <summary>The steps of one request about a host, on their way to who asked.</summary>
internal sealed class StepChannel : IProgress<HostStep>
{
    private readonly Channel<HostStep> steps = Channel.CreateUnbounded<HostStep>();

    public void Report(HostStep value) => steps.Writer.TryWrite(value);

    public async Task PumpAsync(Func<Step, CancellationToken, Task> write, Task until, CancellationToken stop)
    {
        while (true)
        {
            while (steps.Reader.TryRead(out var step))
            {
                await write(StepFeed.Of(step), stop).ConfigureAwait(false);
            }

            if (until.IsCompleted)
            {
                return;
            }

            await Task.WhenAny(steps.Reader.WaitToReadAsync(stop).AsTask(), until).ConfigureAwait(false);
            stop.ThrowIfCancellationRequested();
        }
    }
}
