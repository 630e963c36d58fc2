using Safes.Hypervisor.Sessions;
using Safes.Keys;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Tests.Daemon;

/// <summary>Alone in its process while it runs: the memory that it measures is the process's.</summary>
[Collection("alone")]
public sealed class LongLeaseTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(25);

    [Fact(Timeout = 120_000)]
    public async Task A_week_of_answered_challenges_keeps_it_open_and_memory_flat_and_the_next_silence_closes_it()
    {
        await using var desk = new Desk();
        var session = new LiveSession(Desk.Id(1), DeviceId.Random(), "anna", "laptop", "anna", DateTimeOffset.UnixEpoch, TimeSpan.MaxValue, new byte[32]);
        var opened = desk.Daemon.Now;
        await desk.Daemon.SubmitAsync(at => new OpenRequested(at, new Session(Desk.Id(1), Desk.Device(1), at + Desk.Terms.Lease, at + TimeSpan.FromDays(8))));
        await desk.Daemon.WhenAsync(s => s is Safes.Lifecycle.Open, Desk.Stop);
        var lease = new Lease(desk.Daemon, session, Desk.Terms.Lease, TimeSpan.Zero, TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        long afterAnHour = 0, afterAWeek = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lease.ChallengeAsync(
            async (challenge, _) =>
            {
                var held = desk.Daemon.Now - opened;
                if (afterAnHour == 0 && held >= TimeSpan.FromHours(1))
                {
                    afterAnHour = GC.GetTotalMemory(forceFullCollection: true);
                }

                if (held >= TimeSpan.FromDays(7))
                {
                    afterAWeek = GC.GetTotalMemory(forceFullCollection: true);
                    await stop.CancelAsync();
                    return;
                }

                desk.World.ForgetPerformed();
                desk.Clock.Pass(Interval);
                Assert.True(await lease.AnswerAsync(challenge.Challenge.ToByteArray()));
                Assert.Equal(desk.Daemon.Now - Interval + Desk.Terms.Lease, ((Safes.Lifecycle.Open)desk.Daemon.State).Sessions[0].LeaseUntil);
            },
            stop.Token));
        Assert.InRange(afterAWeek - afterAnHour, long.MinValue, 1 << 20);
        desk.Clock.Pass(Desk.Terms.Lease);
        await desk.TickAsync();
        await desk.ClosedAsync();
    }
}

[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class Alone;
