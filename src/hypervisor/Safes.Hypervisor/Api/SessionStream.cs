using Grpc.Core;
using Safes.Contracts.V1;
using Safes.Hypervisor.Sessions;

namespace Safes.Hypervisor.Api;

/// <summary>The stream that a session is kept on: challenges, and notices in between, one after the other.</summary>
internal sealed class SessionStream : IDisposable
{
    private readonly SemaphoreSlim turn = new(1);
    private readonly CancellationTokenSource gone = new();
    private readonly IServerStreamWriter<LeaseChallenge> to;
    private readonly Notices notices;

    public SessionStream(IServerStreamWriter<LeaseChallenge> to, Notices notices)
    {
        (this.to, this.notices) = (to, notices);
        notices.Told += Tell;
    }

    public async Task WriteAsync(LeaseChallenge message, CancellationToken stop)
    {
        await turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            await to.WriteAsync(message, stop).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose()
    {
        notices.Told -= Tell;
        gone.Cancel();
        gone.Dispose();
    }

    private void Tell(Notice notice) => _ = TellAsync(notice, gone.Token);

    private async Task TellAsync(Notice notice, CancellationToken stop)
    {
        try
        {
            await WriteAsync(new LeaseChallenge { Notice = notice }, stop).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException or RpcException)
        {
            // The connection has gone; the lease notices by itself.
        }
    }
}
