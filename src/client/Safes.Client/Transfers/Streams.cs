using Grpc.Core;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Transfers;

/// <summary>Streams of files over a connection that may go: a new one takes up what the lost one left.</summary>
internal static class Streams
{
    /// <summary>How long nothing may get further before the connection counts as gone for good.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromMinutes(2);

    public static TimeSpan CauseLimit { get; } = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Runs a stream, and the next one as long as what ended it is the connection.</summary>
    /// <exception cref="FaultException">What else ended it; no-server when it did not come back.</exception>
    public static async Task RunAsync(Server server, TransferOutcome outcome, Func<Task> stream, CancellationToken stop)
    {
        (long, long) reached = default;
        var moved = BootClock.Now;
        while (true)
        {
            try
            {
                await stream().ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or (IOException and not LinuxException) || (e is FaultException f && IsOfTheWay(f)))
            {
                var cause = e is RpcException r ? server.Inside.Cause(r, stop) : e as FaultException ?? ServerFault.Lost();
                if ((outcome.Files, outcome.Sent) != reached)
                {
                    (reached, moved) = ((outcome.Files, outcome.Sent), BootClock.Now);
                }

                if (cause is not FaultException fault || !IsOfTheWay(fault))
                {
                    throw cause;
                }

                if (BootClock.Now > moved + Patience)
                {
                    throw new FaultException(fault.Code, [.. fault.Details.Select(d => (d.Key, d.Value)), ("kept", "what is over by now is there; the same command goes on where it was")]);
                }
            }

            stop.ThrowIfCancellationRequested();
            outcome.Resumed++;
            server.ReconnectInside();
            await Task.Delay(Pause, stop).ConfigureAwait(false);
        }
    }

    /// <summary>Whether an exception says by itself what was wrong.</summary>
    public static bool IsOwn(AggregateException? e) => e?.InnerException is FaultException or LinuxException;

    private static bool IsOfTheWay(FaultException fault) =>
        fault.Code == FaultCodes.NoServer || fault.Code == FaultCodes.NoTunnel || (fault.Code == FaultCodes.UnknownDevice && !fault.Details.ContainsKey("from"));
}
