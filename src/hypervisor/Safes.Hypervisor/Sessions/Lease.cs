using System.Security.Cryptography;
using Safes.Contracts.V1;
using Safes.Hypervisor.Daemon;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Sessions;

/// <summary>
/// One connection's part of keeping a session alive: a challenge each interval, and what an answer is worth: the lease from the moment
/// the challenge was sent, however late the answer comes.
/// </summary>
public sealed class Lease(SafeDaemon daemon, LiveSession session, TimeSpan length, TimeSpan interval, TimeProvider clock)
{
    private const int Remembered = 4;

    private readonly Lock gate = new();
    private readonly LinkedList<(byte[] Challenge, TimeSpan Sent)> open = [];

    /// <summary>Sends challenges until the session ends or the connection does.</summary>
    public async Task ChallengeAsync(Func<LeaseChallenge, CancellationToken, Task> send, CancellationToken stop)
    {
        while (!session.Ended.IsCompleted)
        {
            byte[] challenge = RandomNumberGenerator.GetBytes(32);
            lock (gate)
            {
                open.AddLast((challenge, daemon.Now));    // before it is sent: an answer is never worth more than that
                if (open.Count > Remembered)
                {
                    open.RemoveFirst();
                }
            }

            await send(new LeaseChallenge { Challenge = Google.Protobuf.ByteString.CopyFrom(challenge) }, stop).ConfigureAwait(false);
            if (await EndedWithinAsync(interval / 2, stop).ConfigureAwait(false))
            {
                break;
            }

            if (IsOpen(challenge))
            {
                await daemon.SubmitAsync(at => new SessionSilent(at, session.Id)).ConfigureAwait(false);
            }

            if (await EndedWithinAsync(interval / 2, stop).ConfigureAwait(false))
            {
                break;
            }
        }

        var why = await session.Ended.ConfigureAwait(false);
        await send(new LeaseChallenge { Ended = new Ended { Reason = why.Reason, Detail = why.Detail } }, stop).ConfigureAwait(false);
    }

    /// <summary>An answer came. False: to nothing that was asked.</summary>
    public async Task<bool> AnswerAsync(ReadOnlyMemory<byte> answer)
    {
        TimeSpan? sent = null;
        lock (gate)
        {
            for (var node = open.First; node is not null; node = node.Next)
            {
                if (CryptographicOperations.FixedTimeEquals(node.Value.Challenge, answer.Span))
                {
                    sent = node.Value.Sent;
                    open.Remove(node);
                    break;
                }
            }
        }

        if (sent is not { } from)
        {
            return false;
        }

        await daemon.SubmitAsync(at => new LeaseRenewed(at, session.Id, from + length)).ConfigureAwait(false);
        return true;
    }

    private bool IsOpen(byte[] challenge)
    {
        lock (gate)
        {
            return open.Any(o => o.Challenge == challenge);
        }
    }

    private async Task<bool> EndedWithinAsync(TimeSpan time, CancellationToken stop)
    {
        var first = await Task.WhenAny(session.Ended, Task.Delay(time, clock, stop)).ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
        return first == session.Ended;
    }
}
