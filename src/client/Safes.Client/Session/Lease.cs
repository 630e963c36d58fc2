using Grpc.Core;
using Safes.Client.Connection;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>
/// Keeps a session alive: answers each challenge, and takes the session up again by its token after a lost connection or a
/// restart of the server, as long as the lease may still hold.
/// </summary>
/// <param name="asked">Called at each challenge: the clock of whoever has to look at something from time to time.</param>
/// <param name="clock">What goes on while the device sleeps; <see cref="BootClock"/> where there is no other.</param>
public sealed class Lease(
    Server server, DeviceTunnel? tunnel, Opened opened, TimeSpan? slack = null, Action? asked = null, TimeProvider? clock = null)
{
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(15), AttemptLimit = TimeSpan.FromSeconds(6), Pause = TimeSpan.FromSeconds(1), Look = TimeSpan.FromMilliseconds(500);

    private readonly TimeProvider clock = clock ?? BootClock.Instance;
    private long answered = (clock ?? BootClock.Instance).GetTimestamp(), heard;

    private TimeSpan Length => TimeSpan.FromSeconds(opened.LeaseSeconds);

    /// <summary>Until the session ends; why it did. Cancelled when the person leaves.</summary>
    public async Task<SessionEnd> KeepAsync(CancellationToken stop)
    {
        while (true)
        {
            if (await FollowAsync(stop).ConfigureAwait(false) is { } ended)
            {
                return ended;
            }

            if (await TakeUpAsync(stop).ConfigureAwait(false) is { } lost)
            {
                return lost;
            }
        }
    }

    /// <summary>Null when the connection broke.</summary>
    private async Task<SessionEnd?> FollowAsync(CancellationToken stop)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Volatile.Write(ref heard, clock.GetTimestamp());
        var watching = WatchAsync(silence);
        try
        {
            using var call = server.Calls.Renew(silence.Token);
            await call.RequestStream.WriteAsync(new LeaseAnswer { Session = opened.Session }, silence.Token).ConfigureAwait(false);
            while (true)
            {
                if (!await call.ResponseStream.MoveNext(silence.Token).ConfigureAwait(false))
                {
                    return null;
                }

                Volatile.Write(ref heard, clock.GetTimestamp());
                var challenge = call.ResponseStream.Current;
                if (challenge.Ended is { } ended)
                {
                    return new SessionEnd(ended.Reason, ended.Detail, DateTimeOffset.Now);
                }

                if (!challenge.Challenge.IsEmpty)
                {
                    await call.RequestStream.WriteAsync(
                        new LeaseAnswer { Session = opened.Session, Challenge = challenge.Challenge }, silence.Token).ConfigureAwait(false);
                    answered = clock.GetTimestamp();
                    asked?.Invoke();
                }
            }
        }
        catch (RpcException e)
        {
            return server.Calls.Cause(e, stop) switch
            {
                OperationCanceledException => throw new OperationCanceledException(stop),
                FaultException f => EndOf(f),
                _ => null,
            };
        }
        catch (Exception e) when (!stop.IsCancellationRequested && e is OperationCanceledException or InvalidOperationException or IOException)
        {
            return null;
        }
        finally
        {
            await silence.CancelAsync().ConfigureAwait(false);
            await watching.ConfigureAwait(false);
        }
    }

    // A server that is connected but says nothing is as lost as one that is not; timers alone would not see that the device slept.
    private async Task WatchAsync(CancellationTokenSource silence)
    {
        using var timer = new PeriodicTimer(Look);
        try
        {
            while (await timer.WaitForNextTickAsync(silence.Token).ConfigureAwait(false))
            {
                if (clock.GetElapsedTime(Volatile.Read(ref heard)) > Length)
                {
                    await silence.CancelAsync().ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is seen to; or nobody follows any more.
        }
    }

    /// <summary>Null when the session goes on. Asked once even where the lease must be over: the server knows why it ended.</summary>
    private async Task<SessionEnd?> TakeUpAsync(CancellationToken stop)
    {
        string why = "";
        for (int attempt = 0; attempt == 0 || clock.GetElapsedTime(answered) < Length + (slack ?? Slack); attempt++)
        {
            using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
            time.CancelAfter(AttemptLimit);
            try
            {
                if (tunnel is not null && attempt % 2 == 0)
                {
                    await tunnel.ReaddPeerAsync(time.Token).ConfigureAwait(false);
                }

                server.Reconnect();
                var request = new ResumeRequest { Session = opened.Session, Token = opened.Token };
                var resumed = await server.Calls.CallAsync((c, o) => c.ResumeAsync(request, o), AttemptLimit, time.Token).ConfigureAwait(false);
                server.InsidePin = resumed.Opened?.InsidePin ?? server.InsidePin;
                return null;
            }
            catch (FaultException e)
            {
                if (EndOf(e) is { } ended)
                {
                    return ended;
                }

                why = e.Details.GetValueOrDefault("why", e.Code.Code);
            }
            catch (Exception e) when (!stop.IsCancellationRequested && e is OperationCanceledException or IOException)
            {
                why = "no answer";
            }

            await Task.Delay(Pause, stop).ConfigureAwait(false);
        }

        return new SessionEnd(SessionEnd.ConnectionLost, $"the connection was away for {clock.GetElapsedTime(answered).TotalSeconds:0} s ({why})", DateTimeOffset.Now);
    }

    /// <summary>What the server says of a session that is no more; null for faults of the way to it.</summary>
    private static SessionEnd? EndOf(FaultException fault) =>
        fault.Code == FaultCodes.NoServer || fault.Code == FaultCodes.NoTunnel || fault.Code == FaultCodes.UnknownDevice && !fault.Details.ContainsKey("from")
            || fault.Code == FaultCodes.Internal
            ? null
            : new SessionEnd(
                fault.Code == FaultCodes.SessionLost ? fault.Details.GetValueOrDefault("reason", fault.Code.Code) : fault.Code.Code,
                fault.Details.GetValueOrDefault("detail", fault.Details.GetValueOrDefault("why", "")), DateTimeOffset.Now);
}
