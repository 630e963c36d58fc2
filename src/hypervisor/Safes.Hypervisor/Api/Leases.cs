using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Sessions;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Api;

/// <summary>Keeping a session, and leaving.</summary>
public sealed partial class SafeApi
{
    public override async Task Renew(IAsyncStreamReader<LeaseAnswer> requestStream, IServerStreamWriter<LeaseChallenge> responseStream, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        if (!await requestStream.MoveNext(context.CancellationToken).ConfigureAwait(false))
        {
            throw new FaultException(FaultCodes.BadRequest);
        }

        var session = Own(caller, requestStream.Current.Session.Span);
        if (parts.Daemon.State is not Open o || o.Find(session.Id) is null)
        {
            throw new FaultException(FaultCodes.NoSession);
        }

        var lease = new Lease(parts.Daemon, session, parts.Terms.Lease, parts.Vault.Configuration.Challenge, parts.Clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        using var writer = new SessionStream(responseStream);
        var challenges = lease.ChallengeAsync(writer.WriteAsync, stop.Token);
        var answers = AnswerAsync(lease, requestStream, stop.Token);
        try
        {
            await Task.WhenAny(challenges, answers).ConfigureAwait(false);
            await (challenges.IsCompleted ? challenges : answers).ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(Task.WhenAll(challenges, answers)).ConfigureAwait(false);
            if (!session.Ended.IsCompleted)
            {
                // A lost connection ends no session; it is a hint that there may be something to write back soon.
                await parts.Daemon.SubmitAsync(at => new SessionSilent(at, session.Id)).ConfigureAwait(false);
            }
        }
    }

    public override async Task Leave(LeaveRequest request, IServerStreamWriter<LeaveProgress> responseStream, ServerCallContext context)
    {
        var session = Own(Caller.Of(context), request.Session.Span);
        using var feed = new StepFeed(parts.Daemon);
        session.Announce(new SessionEnd(EndReasons.Left));
        var asked = await parts.Daemon.SubmitAsync(at => new SessionEnded(at, session.Id)).ConfigureAwait(false);
        if (asked.Then.Refusal is { } refusal)
        {
            throw FaultMap.Of(refusal, asked.Then.State);
        }

        if (asked.Then.State is Open)
        {
            await asked.Performed.WaitAsync(context.CancellationToken).ConfigureAwait(false);
            var left = new Left { Closed = false };
            left.HeldBy.AddRange(HeldBy());
            await responseStream.WriteAsync(new LeaveProgress { Left = left }, context.CancellationToken).ConfigureAwait(false);
            return;
        }

        var closed = parts.Daemon.WhenAsync(s => s is not Closing, context.CancellationToken);
        await feed.PumpAsync((step, stop) => responseStream.WriteAsync(new LeaveProgress { Step = step! }, stop), closed, context.CancellationToken).ConfigureAwait(false);
        if (await closed.ConfigureAwait(false) is Faulted f)
        {
            throw FaultMap.OfFaulted(f);
        }

        await responseStream.WriteAsync(new LeaveProgress { Left = new Left { Closed = true } }, context.CancellationToken).ConfigureAwait(false);
    }

    private static async Task AnswerAsync(Lease lease, IAsyncStreamReader<LeaseAnswer> answers, CancellationToken stop)
    {
        while (await answers.MoveNext(stop).ConfigureAwait(false))
        {
            await lease.AnswerAsync(answers.Current.Challenge.Memory).ConfigureAwait(false);
        }
    }
}
