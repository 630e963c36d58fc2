using System.Threading.Channels;
using Grpc.Core;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Hosts;

namespace Safes.Hypervisor.Within.Api;

/// <summary>What hosts do and what everybody should know, on its way to one device. One that does not read loses the oldest of it.</summary>
internal sealed class Watch : IDisposable
{
    private const int Most = 256;

    private readonly Channel<Seen> seen = Channel.CreateBounded<Seen>(new BoundedChannelOptions(Most) { FullMode = BoundedChannelFullMode.DropOldest });
    private readonly IOpenSafe safe;

    public Watch(IOpenSafe safe)
    {
        this.safe = safe;
        safe.Stepped += Step;
        foreach (var step in safe.StepsSoFar)
        {
            Step(step);
        }

        safe.Notices.Told += Tell;
    }

    public async Task PumpAsync(IServerStreamWriter<Seen> to, CancellationToken stop)
    {
        await foreach (var one in seen.Reader.ReadAllAsync(stop).ConfigureAwait(false))
        {
            await to.WriteAsync(one, stop).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        safe.Stepped -= Step;
        safe.Notices.Told -= Tell;
    }

    private void Step(HostStep step) => seen.Writer.TryWrite(new Seen { Step = StepFeed.Of(step) });

    private void Tell(Notice notice) => seen.Writer.TryWrite(new Seen { Notice = notice });
}
