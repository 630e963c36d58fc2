using Grpc.Core;
using Safes.Client.Connection;
using Safes.Contracts.V1;

namespace Safes.Client.Opening;

/// <summary>
/// What hosts do while a safe is being opened, as its inside tells: for the person who waits, and nothing that opening depends on. What cannot be
/// heard is not said.
/// </summary>
internal sealed class HostsSeen(Server server, Action<Step> tell) : IDisposable
{
    private readonly CancellationTokenSource over = new();
    private Task watching = Task.CompletedTask;

    /// <summary>The inside is there.</summary>
    public void Begin() => watching = Task.Run(WatchAsync);

    /// <summary>The safe is open, and nobody waits for more.</summary>
    public async Task EndAsync()
    {
        await over.CancelAsync().ConfigureAwait(false);
        await watching.ConfigureAwait(false);
    }

    public void Dispose()
    {
        over.Cancel();
        over.Dispose();
    }

    private async Task WatchAsync()
    {
        try
        {
            using var call = server.Inside.Watch(over.Token);
            while (await call.ResponseStream.MoveNext(over.Token).ConfigureAwait(false))
            {
                if (call.ResponseStream.Current.Step is { } step)
                {
                    tell(step);
                }
            }
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or ObjectDisposedException)
        {
            // Over, or not to be heard.
        }
    }
}
