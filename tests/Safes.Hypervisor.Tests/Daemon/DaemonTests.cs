#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the desk
using Safes.Lifecycle;

namespace Safes.Hypervisor.Tests.Daemon;

public sealed class DaemonTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact(Timeout = 20_000)]
    public async Task An_opening_arms_the_guardian_before_the_key_and_checks_before_hosts()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        Assert.Equal(
            ["AttachVolume", "ArmGuardian", "AddKey", "CheckVolume", "ResumeHosts", "LetInside", "ArmGuardian", "RecordSession", "AllowDevices"], desk.World.Names);
        Assert.Equal([Desk.Device(1)], desk.World.Allowed);
    }

    [Fact(Timeout = 20_000)]
    public async Task The_last_of_two_leaving_closes_the_safe_and_the_first_does_not()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        await desk.OpenAsync(2);
        var left = await desk.LeaveAsync(1);
        await left.Performed;
        Assert.IsType<Open>(desk.Daemon.State);
        Assert.Equal([Desk.Device(2)], desk.World.Allowed);
        await desk.LeaveAsync(2);
        await desk.ClosedAsync();
        await desk.Daemon.WhenPerformedAsync(Desk.Stop);
        Assert.False(desk.World.Key);
        Assert.Null(desk.World.Guardian);
    }

    [Fact(Timeout = 20_000)]
    public async Task Who_waits_for_what_is_planned_does_not_wait_for_what_others_ask_for_meanwhile()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        var (second, third) = (new TaskCompletionSource(), new TaskCompletionSource());
        desk.World.Before = (effect, _) => effect is RecordSession r ? (r.Session == Desk.Id(2) ? second : third).Task : Task.CompletedTask;
        await desk.AskOpenAsync(2);
        var performed = desk.Daemon.WhenPerformedAsync(Desk.Stop);
        await desk.AskOpenAsync(3);
        Assert.False(performed.IsCompleted);
        second.SetResult();
        await performed;
        Assert.True(desk.World.Recorded.ContainsKey(Desk.Id(2)));
        Assert.Equal([Desk.Device(1), Desk.Device(2)], desk.World.Allowed);
        Assert.False(desk.Daemon.WhenPerformedAsync(Desk.Stop).IsCompleted);    // the third is still under way
        third.SetResult();
        await desk.Daemon.WhenPerformedAsync(Desk.Stop);
    }

    [Fact(Timeout = 20_000)]
    public async Task Two_leaving_at_once_close_it_once()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        await desk.OpenAsync(2);
        var both = await Task.WhenAll(desk.LeaveAsync(1), desk.LeaveAsync(2));
        await desk.ClosedAsync();
        Assert.Single(both, o => o.Then.State is Closing);
        Assert.Single(desk.World.Performed, e => e is SuspendHosts);
    }

    [Fact(Timeout = 20_000)]
    public async Task Silence_for_a_lease_closes()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        desk.Clock.Pass(Desk.Terms.Lease - Second);
        await desk.TickAsync();
        Assert.IsType<Open>(desk.Daemon.State);
        desk.Clock.Pass(Second);
        await desk.TickAsync();
        await desk.ClosedAsync();
    }

    [Fact(Timeout = 20_000)]
    public async Task A_wall_clock_that_jumps_a_year_changes_no_lease()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        desk.Clock.Wall += TimeSpan.FromDays(365);
        await desk.TickAsync();
        Assert.IsType<Open>(desk.Daemon.State);
        desk.Clock.Wall -= TimeSpan.FromDays(730);
        desk.Clock.SinceBoot += Desk.Terms.Lease;
        await desk.TickAsync();
        await desk.ClosedAsync();
    }

    [Fact(Timeout = 20_000)]
    public async Task A_failed_step_unwinds_to_closed_and_tells_which()
    {
        await using var desk = new Desk();
        desk.World.Before = (e, _) => e is CheckVolume ? Task.FromException(new IOException("wrong marker")) : Task.CompletedTask;
        var asked = await desk.AskOpenAsync(1);
        var failure = await asked.Performed;
        await desk.ClosedAsync();
        Assert.IsType<CheckVolume>(failure!.Effect);
        Assert.DoesNotContain("ResumeHosts", desk.World.Names);
        Assert.False(desk.World.Key);
    }

    [Fact(Timeout = 20_000)]
    public async Task Whoever_goes_away_while_it_opens_leaves_nothing_half_open()
    {
        await using var desk = new Desk();
        var resuming = new TaskCompletionSource();
        desk.World.Before = async (e, stop) =>
        {
            if (e is ResumeHosts)
            {
                resuming.SetResult();
                await Task.Delay(Timeout.Infinite, stop);
            }
        };
        await desk.AskOpenAsync(1);
        await resuming.Task;
        await desk.LeaveAsync(1);
        await desk.ClosedAsync();
        Assert.False(desk.World.Key);
        Assert.Empty(desk.World.Allowed);
    }

    [Fact(Timeout = 20_000)]
    public async Task A_step_that_hangs_is_named_and_left_behind_and_the_key_still_goes()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        desk.World.Limit = TimeSpan.FromMilliseconds(200);
        var never = new TaskCompletionSource();
        desk.World.Before = (e, _) => e is SuspendHosts ? never.Task : Task.CompletedTask;
        var left = await desk.LeaveAsync(1);
        var failure = await left.Performed;
        await desk.ClosedAsync();
        Assert.Equal("SuspendHosts took longer than 0.2 s", failure!.Cause.Message);
        Assert.False(desk.World.Key);
        never.SetResult();
    }

    [Fact(Timeout = 20_000)]
    public async Task A_holder_makes_it_faulted_by_name_and_its_release_closes_it()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        desk.World.Holder = new Holder(4711, "backup", "open file");
        await desk.LeaveAsync(1);
        var faulted = (Faulted)await desk.Daemon.WhenAsync(s => s is Faulted, Desk.Stop);
        Assert.Equal([new Holder(4711, "backup", "open file")], faulted.Holders);
        Assert.Equal(Refusal.Faulted, (await desk.AskOpenAsync(2)).Then.Refusal);
        desk.World.Holder = null;
        desk.Clock.Pass(Desk.Terms.Retry);
        await desk.TickAsync();
        await desk.ClosedAsync();
    }

    [Fact(Timeout = 20_000)]
    public async Task A_dead_guardian_is_started_again_and_where_that_fails_it_closes()
    {
        await using var desk = new Desk();
        await desk.OpenAsync(1);
        var told = await desk.Daemon.SubmitAsync(at => new GuardianLost(at));
        Assert.Null(await told.Performed);
        Assert.IsType<Open>(desk.Daemon.State);
        desk.World.Before = (e, _) => e is ArmGuardian ? Task.FromException(new IOException("no guardian")) : Task.CompletedTask;
        await desk.Daemon.SubmitAsync(at => new GuardianLost(at));
        await desk.ClosedAsync();
    }

    [Fact(Timeout = 20_000)]
    public async Task A_restarted_safed_waits_for_its_session_and_closes_when_none_comes()
    {
        var found = new Findings(true, KeyFound.Present, true, true, [Desk.Kept(1)], TimeSpan.FromHours(2));
        await using var desk = new Desk(SafeLifecycle.Restart(found, TimeSpan.FromHours(1), Desk.Terms));
        await desk.Daemon.WhenPerformedAsync(Desk.Stop);
        Assert.Empty(desk.World.Allowed);
        desk.Clock.Pass(Desk.Terms.Lease);
        await desk.TickAsync();
        await desk.ClosedAsync();
    }

    [Fact(Timeout = 20_000)]
    public async Task A_restarted_safed_goes_on_with_the_session_that_comes_back()
    {
        var found = new Findings(true, KeyFound.Present, true, true, [Desk.Kept(1)], TimeSpan.FromHours(2));
        await using var desk = new Desk(SafeLifecycle.Restart(found, TimeSpan.FromHours(1), Desk.Terms));
        var back = await desk.Daemon.SubmitAsync(
            at => new SessionResumed(at, new Session(Desk.Id(1), Desk.Device(1), at + Desk.Terms.Lease, at + TimeSpan.FromHours(24))));
        await back.Performed;
        Assert.Equal([Desk.Device(1)], desk.World.Allowed);
        Assert.DoesNotContain("SuspendHosts", desk.World.Names);
    }
}
