using Grpc.Core;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Session;

/// <summary>What the inside tells while the safe is held: notices for the person, and how hosts are suspended while it closes.</summary>
internal sealed class InsideWatch(Func<Server> server, Action<Notice> notice, Action<Step> step)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    /// <summary>Until it is stopped. A connection that breaks is made again; whether the session still holds is for its lease to say.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var through = server();
            try
            {
                using var call = through.Inside.Watch(stop);
                while (await call.ResponseStream.MoveNext(stop).ConfigureAwait(false))
                {
                    Tell(call.ResponseStream.Current);
                }
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or FaultException or ObjectDisposedException)
            {
                // It is asked again.
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                await Task.Delay(Pause, stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private void Tell(Seen seen)
    {
        if (seen.Notice is { } told)
        {
            notice(told);
        }
        else if (seen.Step is { } one)
        {
            step(one);
        }
    }
}
