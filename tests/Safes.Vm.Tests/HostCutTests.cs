using Safes.Hypervisor.Tests.Cuts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>
/// The real `safed`, killed at every named step of a host's life and started again: the host is as it was or as it was to be, adopted or ended,
/// one QEMU has its disk, and the member goes on.
/// </summary>
[Trait("needs", "guest")]
public abstract class HostCutTests(GuestSafe safe, bool all) : IClassFixture<GuestSafe>
{
    [Fact]
    public async Task A_making_that_is_killed_anywhere_leaves_no_host_or_one_that_becomes_ready()
    {
        await safe.OpenAsync();
        foreach (string step in Some(HostSteps.Making))
        {
            await safe.KilledAsync(step, () => safe.AddAsync("new"));
            await safe.OpenAsync();
            bool made = HostSteps.Making.Skip(2).Contains(step);
            Assert.True(made == await safe.FindAsync("new") is not null, step);
            if (!made)
            {
                Assert.Empty(safe.Qemus("new"));
                await safe.AddAsync("new");     // nothing of it is in the way
            }

            await safe.ReadyAsync("new", step);
            await safe.RemoveAsync("new");
        }

        await ClosesAsync("at last");
    }

    [Fact]
    [Trait("takes", "long")]
    public async Task A_start_or_a_stop_that_is_killed_anywhere_leaves_one_QEMU_or_none_and_it_can_be_started()
    {
        await HasAsync("started");
        foreach (string step in Some([.. HostSteps.Booting, .. HostSteps.Stopping]))
        {
            if (HostSteps.Booting.Contains(step))
            {
                await safe.StopAsync("started");
            }

            await safe.KilledAsync(step, () => HostSteps.Booting.Contains(step) ? safe.StartAsync("started") : safe.StopAsync("started"));
            await safe.OpenAsync();
            Assert.True(safe.Qemus("started").Length <= 1, step);
            if ((await safe.FindAsync("started"))!.State == "stopped")
            {
                Assert.Empty(safe.Qemus("started"));
                await safe.StartAsync("started");
            }

            await safe.ReadyAsync("started", step);
            if (step == "boot: started")
            {
                // Taken over before it was written down that it runs: it is one of those that the next open resumes.
                await ClosesAsync(step);
                await safe.OpenAsync();
                await safe.ReadyAsync("started", $"{step}, opened again");
            }
        }

        await safe.RemoveAsync("started");
        await ClosesAsync("at last");
    }

    [Fact]
    public async Task A_resume_or_a_suspend_that_is_killed_anywhere_is_finished_by_the_next_one_and_the_memory_kept()
    {
        await HasAsync("kept");
        foreach (string step in Some([.. HostSteps.Resuming, .. HostSteps.Suspending]))
        {
            long booted = safe.BootedUnix("kept");
            if (HostSteps.Resuming.Contains(step))
            {
                await ClosesAsync(step);
                await safe.KilledAsync(step, () => safe.Owner.OpenAsync());
            }
            else
            {
                await safe.KilledAsync(step, safe.Owner.LeaveAsync);
            }

            Assert.True(safe.Qemus("kept").Length <= 1, step);
            Assert.True(await safe.IsClosedWithinAsync(GuestSafe.Patience), $"{step}: {safe.Safe.Log}");
            Assert.Empty(safe.Qemus("kept"));
            await safe.OpenAsync();
            await safe.ReadyAsync("kept", step);
            // Between the end of QEMU and the record of what belongs together nobody can know that all of it was saved.
            Assert.True(booted == safe.BootedUnix("kept") != (step == "suspend: ended"), step);
        }

        await safe.RemoveAsync("kept");
        await ClosesAsync("at last");
    }

    [Fact]
    [Trait("takes", "long")]
    public async Task A_removal_that_is_killed_anywhere_leaves_the_host_or_nothing_of_it()
    {
        await safe.OpenAsync();
        foreach (string step in Some(HostSteps.Removing))
        {
            await safe.AddAsync("gone");
            await safe.KilledAsync(step, () => safe.RemoveAsync("gone"));
            await safe.OpenAsync();
            Assert.Empty(safe.Qemus("gone"));
            if (await safe.FindAsync("gone") is not null)
            {
                Assert.Equal(HostSteps.Removing[0], step);
                await safe.RemoveAsync("gone");
            }

            await safe.AddAsync("gone");        // its name is free
            await safe.ReadyAsync("gone", step);
            await safe.RemoveAsync("gone");
        }

        await ClosesAsync("at last");
    }

    [Fact]
    [Trait("takes", "long")]
    public async Task Where_nobody_comes_after_it_the_key_and_the_host_are_gone_within_lease_and_bound()
    {
        const int Lease = 20;
        await using var own = await GuestSafe.WithLeaseAsync(Lease);
        foreach (string step in all ? HostSteps.Making : ["host: loaded"])
        {
            await own.OpenAsync();
            await own.KilledAsync(step, () => own.AddAsync("alone"), restart: false);
            var last = BootClock.Now;
            Assert.False(await own.IsClosedWithinAsync(TimeSpan.Zero), step);    // the control: it was open, and there was something to end
            Assert.NotEmpty(step == HostSteps.Making[0] ? [0] : own.Virtiofsds);
            var limit = TimeSpan.FromSeconds(Lease + own.Safe.Configuration.BoundSeconds);
            Assert.True(await own.IsClosedWithinAsync(last + limit - BootClock.Now), $"{step}: {own.Safe.GuardianLog}");
            Assert.Empty(own.Qemus("alone"));
            Assert.Empty(own.Virtiofsds);
            await own.Safe.RunAsync();
            await own.OpenAsync();
            if (await own.FindAsync("alone") is not null)
            {
                await own.RemoveAsync("alone");
            }
        }
    }

    private async Task HasAsync(string host)
    {
        await safe.OpenAsync();
        await safe.AddAsync(host);
        await safe.ReadyAsync(host, "new");
    }

    private async Task ClosesAsync(string step)
    {
        await safe.Owner.LeaveAsync();
        Assert.True(await safe.IsClosedWithinAsync(GuestSafe.Patience), $"{step}: {safe.Safe.Log}");
    }

    /// <summary>One of each four for every run, the others for the long one.</summary>
    private IEnumerable<string> Some(IReadOnlyList<string> steps) => steps.Where((_, i) => all || i % 4 == 1);
}

/// <summary>Some steps of each.</summary>
public sealed class SomeHostCutTests(GuestSafe safe) : HostCutTests(safe, all: false);

/// <summary>All of them.</summary>
[Trait("takes", "long")]
public sealed class AllHostCutTests(GuestSafe safe) : HostCutTests(safe, all: true);
