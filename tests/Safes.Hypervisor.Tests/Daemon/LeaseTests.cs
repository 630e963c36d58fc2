#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the desk
using Microsoft.Extensions.Logging.Abstractions;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Sessions;
using Safes.Keys;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Tests.Daemon;

public sealed class LeaseTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(25);

    private static LiveSession Live => new(Desk.Id(1), DeviceId.Random(), "anna", "laptop", "anna", DateTimeOffset.UnixEpoch, TimeSpan.MaxValue, new byte[32]);

    private static async Task<(Lease Lease, byte[] Challenge, Task Loop)> ChallengeAsync(Desk desk, LiveSession session, CancellationToken stop)
    {
        var lease = new Lease(desk.Daemon, session, Desk.Terms.Lease, Interval, TimeProvider.System);
        var sent = new TaskCompletionSource<byte[]>();
        var loop = lease.ChallengeAsync(
            (c, _) =>
            {
                sent.TrySetResult(c.Challenge.ToByteArray());
                return Task.CompletedTask;
            },
            stop);
        return (lease, await sent.Task, loop);
    }

    [Fact(Timeout = 20_000)]
    public async Task An_answer_is_worth_the_lease_from_when_its_challenge_was_sent()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        using var stop = new CancellationTokenSource();
        var sent = desk.Daemon.Now;
        var (lease, challenge, loop) = await ChallengeAsync(desk, Live, stop.Token);
        desk.Clock.Pass(TimeSpan.FromSeconds(60));
        Assert.True(await lease.AnswerAsync(challenge));
        Assert.Equal(sent + Desk.Terms.Lease, ((Safes.Lifecycle.Open)desk.Daemon.State).Sessions[0].LeaseUntil);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
    }

    [Fact(Timeout = 20_000)]
    public async Task A_held_back_answer_prolongs_nothing_and_comes_too_late()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        using var stop = new CancellationTokenSource();
        var (lease, challenge, loop) = await ChallengeAsync(desk, Live, stop.Token);
        desk.Clock.Pass(Desk.Terms.Lease);
        await lease.AnswerAsync(challenge);
        await desk.ClosedAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
    }

    [Fact(Timeout = 20_000)]
    public async Task An_answer_counts_once_and_a_made_up_one_never()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        using var stop = new CancellationTokenSource();
        var (lease, challenge, loop) = await ChallengeAsync(desk, Live, stop.Token);
        Assert.True(await lease.AnswerAsync(challenge));
        Assert.False(await lease.AnswerAsync(challenge));
        Assert.False(await lease.AnswerAsync(new byte[32]));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
    }

    [Fact]
    public void Each_reason_of_closing_has_a_name_that_members_programs_know() =>
        Assert.Equal(EndReasons.Causes, Enum.GetValues<CloseReason>().Select(SessionBook.Cause));

    [Fact(Timeout = 20_000)]
    public async Task The_member_is_told_why_a_session_ended()
    {
        await using var desk = new Desk();
        var book = new SessionBook(NullLogger.Instance);
        desk.Daemon.Transitioned += book.Follow;
        var (session, _) = book.Prepare(DeviceId.Random(), "anna", "laptop", "anna", DateTimeOffset.UnixEpoch, TimeSpan.MaxValue);
        await desk.Daemon.SubmitAsync(at => new OpenRequested(at, new Session(session.Id, Desk.Device(1), at + Desk.Terms.Lease, at + TimeSpan.FromHours(24))));
        await desk.Daemon.WhenAsync(s => s is Safes.Lifecycle.Open, Desk.Stop);
        var lease = new Lease(desk.Daemon, session, Desk.Terms.Lease, Interval, TimeProvider.System);
        var told = new List<LeaseChallenge>();
        var loop = lease.ChallengeAsync(
            (c, _) =>
            {
                told.Add(c);
                return Task.CompletedTask;
            },
            Desk.Stop);
        await desk.Daemon.SubmitAsync(at => new SealRequested(at));
        await loop;
        Assert.Equal("sealed", told[^1].Ended.Reason);
    }
}
