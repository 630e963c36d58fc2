using Grpc.Core;
using Safes.Contracts.V1;

namespace Safes.Hypervisor.Api;

/// <summary>The stream that a session is kept on: one message after the other.</summary>
internal sealed class SessionStream(IServerStreamWriter<LeaseChallenge> to) : IDisposable
{
    private readonly SemaphoreSlim turn = new(1);

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

    public void Dispose() => turn.Dispose();
}
