using static Safes.Lifecycle.Tests.Samples;

namespace Safes.Lifecycle.Tests;

public sealed class RestartTests
{
    private static readonly Findings Nothing = new(Claimed: true, KeyFound.Absent, Mounted: false, Processes: false, []);

    private static Transition After(Findings found) => SafeLifecycle.Restart(found, S(5), Times);

    [Fact]
    public void Nothing_there_is_closed() => Assert.IsType<Closed>(After(Nothing).State);

    [Fact]
    public void Nothing_there_and_no_header_is_unclaimed() => Assert.IsType<Unclaimed>(After(Nothing with { Claimed = false }).State);

    [Fact]
    public void A_key_with_no_recorded_session_is_closed_in_order() =>
        Assert.IsType<Closing>(After(Nothing with { Key = KeyFound.Present, Mounted = true, Processes = true }).State);

    [Fact]
    public void A_key_half_removed_is_closed_in_order() =>
        Assert.IsType<Closing>(After(Nothing with { Key = KeyFound.Partly, Mounted = true, Recorded = [Kept(1)] }).State);

    [Fact]
    public void Hosts_without_a_key_are_ended() => Assert.IsType<Closing>(After(Nothing with { Processes = true }).State);

    [Fact]
    public void A_mount_without_a_key_is_taken_away() => Assert.IsType<Closing>(After(Nothing with { Mounted = true }).State);

    [Fact]
    public void An_open_safe_that_nobody_knows_a_deadline_of_is_closed() => Assert.Equal(
        new Closing(CloseReason.FoundUnfinished, S(5) + Times.Bound),
        After(Nothing with { Key = KeyFound.Present, Mounted = true, Processes = true, Recorded = [Kept(1)] }).State);

    [Fact]
    public void An_open_safe_waits_one_lease_for_its_sessions_and_lets_nobody_through_before()
    {
        var then = After(Nothing with { Key = KeyFound.Present, Mounted = true, Processes = true, Recorded = [Kept(1)], GuardedUntil = S(500) });
        var open = Assert.IsType<Open>(then.State);
        Assert.Equal(new Awaited([Kept(1)], S(7)), open.Awaited);
        Assert.Equal(new AllowDevices([]), then.Effects[0]);
    }

    [Theory]
    [InlineData(8, 5)]
    [InlineData(9, 6)]
    [InlineData(10, 7)]
    [InlineData(14, 7)]
    [InlineData(5, 2)]
    public void An_open_safe_waits_no_longer_than_the_guardian_of_before_would_have(int guarded, int until)
    {
        var then = After(Nothing with { Key = KeyFound.Present, Mounted = true, Processes = true, Recorded = [Kept(1)], GuardedUntil = S(guarded) });
        if (until > 5)
        {
            Assert.Equal(S(until), Assert.IsType<Open>(then.State).Awaited?.Until);
            Assert.Contains(new ArmGuardian(S(until) + Times.Bound), then.Effects);
        }
        else
        {
            Assert.Equal(new Closing(CloseReason.NobodyCameBack, S(until) + Times.Bound), then.State);
            Assert.Contains(new SetGuardian(S(until) + Times.Bound), then.Effects);
        }
    }

    [Fact]
    public void Closing_that_was_cut_short_has_only_what_was_left_of_its_bound()
    {
        var then = After(Nothing with { Key = KeyFound.Present, Mounted = true, Processes = true, GuardedUntil = S(6) });
        Assert.Equal(new Closing(CloseReason.FoundUnfinished, S(6)), then.State);
    }

    [Fact]
    public void A_session_whose_longest_time_passed_meanwhile_does_not_come_back()
    {
        var open = new Open([], new Awaited([Kept(1)], S(7)));
        var then = SafeLifecycle.Next(open, new SessionResumed(S(6), Session(1, 8) with { EndsBy = S(6) }), Times);
        Assert.Equal(Refusal.NoSession, then.Refusal);
        Assert.Equal(open, then.State);
    }

    [Fact]
    public void A_device_that_opens_anew_after_a_restart_takes_the_place_of_its_own_sessions_of_before_and_closes_by_leaving()
    {
        AwaitedSession[] own = [new(Id(3), Device(1)), new(Id(4), Device(1))];
        var waiting = new Open([], new Awaited([.. own], S(7)));
        var then = SafeLifecycle.Next(waiting, new OpenRequested(S(6), Session(1, 8)), Times);
        Assert.Equal(new Open([Session(1, 8)], null), then.State);
        Assert.Subset(then.Effects.ToHashSet(), own.Select(k => (Effect)new ForgetSession(k.Id)).ToHashSet());
        Assert.Equal(new Closing(CloseReason.LastLeft, S(6) + Times.Bound), SafeLifecycle.Next(then.State, new SessionEnded(S(6), Id(1)), Times).State);

        // Another device's is awaited as before.
        then = SafeLifecycle.Next(waiting with { Awaited = new Awaited([own[0], Kept(2)], S(7)) }, new OpenRequested(S(6), Session(1, 8)), Times);
        Assert.Equal(new Open([Session(1, 8)], new Awaited([Kept(2)], S(7))), then.State);
        Assert.IsType<Open>(SafeLifecycle.Next(then.State, new SessionEnded(S(6), Id(1)), Times).State);
    }

    [Fact]
    public void The_server_that_slept_closes_before_a_late_answer_counts()
    {
        var open = new Open([Session(1, 7)], null);
        var then = SafeLifecycle.Next(open, new LeaseRenewed(S(500), Id(1), S(502)), Times);
        Assert.IsType<Closing>(then.State);
        Assert.NotNull(then.Refusal);
    }

    [Fact]
    public void A_session_ends_after_its_longest_time_however_it_renews()
    {
        var session = Session(1, 7) with { EndsBy = S(8) };
        var renewed = SafeLifecycle.Next(new Open([session], null), new LeaseRenewed(S(6), Id(1), S(10)), Times);
        Assert.IsType<Closing>(SafeLifecycle.Next(renewed.State, new Tick(S(8)), Times).State);
    }
}
