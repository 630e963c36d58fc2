using Safes.Contracts;
using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>Clocks that are set, and a server that sleeps, while a safe is open.</summary>
[Trait("needs", "root")]
public sealed class TimeThatJumps
{
    private static readonly TimeSpan Year = TimeSpan.FromDays(365), Hour = TimeSpan.FromHours(1);

    [Theory(Timeout = 120_000)]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_wall_clock_set_by_a_year_ends_no_session_and_lengthens_none_also_over_a_restart(int sign)
    {
        ShiftedClock clock = null!;
        await using var safe = await RealSafe.StartAsync(RealSafe.Short with { LeaseSeconds = 10 }, before: s => clock = ShiftedClock.Of(s));
        await safe.Owner.OpenAsync();
        var held = safe.Owner.Hold();
        await held.Begun;
        clock.Set(sign * Year);
        await AnswersAsync(held, 12);    // longer than a lease
        // The control: safed sees that clock.
        Assert.Equal(FaultCodes.ClockWrong, (await Assert.ThrowsAsync<FaultException>(() => safe.Owner.Server.HelloAsync(TestContext.Current.CancellationToken))).Code);
        await safe.KillAsync();
        safe.Owner.Drop();
        await safe.RunAsync();
        await safe.Owner.ResumeAsync();
        held = safe.Owner.Hold();
        await held.Begun;
        clock.Set(TimeSpan.Zero);
        await AnswersAsync(held, 12);
        Assert.False(held.Ended.IsCompleted);
        held.Silent = true;
        Assert.Equal("lease", (await held.Ended.WaitAsync(RealSafe.Patience))?.Reason);
        await safe.UntilAsync("closed");
        Assert.False(safe.IsAttached);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_server_that_slept_for_an_hour_closes_on_waking_and_no_late_answer_counts()
    {
        ShiftedClock clock = null!;
        await using var safe = await RealSafe.StartAsync(RealSafe.Short with { LeaseSeconds = 20, ChallengeSeconds = 10 }, before: s => clock = ShiftedClock.Of(s));
        await safe.Owner.OpenAsync();
        var held = safe.Owner.Hold();
        await held.Begun;
        clock.Sleep(Hour);
        Assert.Equal("lease", (await held.Ended.WaitAsync(RealSafe.Patience))?.Reason);
        for (var end = BootClock.Now + RealSafe.Patience; safe.IsAttached && BootClock.Now < end; await Task.Delay(20))
        {
        }

        Assert.False(safe.IsAttached);
        if (safe.Exited.IsCompleted)
        {
            await safe.RunAsync();    // the guardian, whose deadline has passed as well, may have been first
        }

        safe.Owner.Drop();
        Assert.Equal(FaultCodes.NoSession, (await Assert.ThrowsAsync<FaultException>(safe.Owner.ResumeAsync)).Code);
        Assert.False((await safe.Owner.OpenAsync()).JoinedOpen);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_safed_that_stood_still_for_longer_than_the_lease_closes_when_it_goes_on()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Short);
        await safe.Owner.OpenAsync();
        var held = safe.Owner.Hold();
        await held.Begun;
        safe.Signal(SignalNumbers.Stop);
        await Task.Delay(safe.Configuration.Lease + TimeSpan.FromSeconds(1));
        safe.Signal(SignalNumbers.Continue);
        Assert.Equal("lease", (await held.Ended.WaitAsync(RealSafe.Patience))?.Reason);
        await safe.UntilAsync("closed");
        Assert.False(safe.IsAttached);
    }

    private static async Task AnswersAsync(Laptop.Holding held, int more)
    {
        int before = held.Answered;
        for (var end = BootClock.Now + RealSafe.Patience; held.Answered < before + more && !held.Ended.IsCompleted && BootClock.Now < end; await Task.Delay(50))
        {
        }

        Assert.True(held.Answered >= before + more, $"{held.Answered} answers, {more} more than {before} were wanted");
    }
}
