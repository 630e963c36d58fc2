using Safes.Contracts.V1;
using Safes.Hypervisor.Tests.Cuts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>
/// A host's QEMU, or its virtiofsd, stands still from a named step on: that step is given up at its deadline, the program is named to the
/// member, the safe closes within its bound, and the host is back at the next open.
/// </summary>
[Trait("needs", "guest")]
public abstract class HostFrozenTests(GuestSafe safe, bool all) : IClassFixture<GuestSafe>
{
    // Once the state is saved nothing waits for virtiofsd any more: it is ended, nobody needs to hear of it, and the memory is kept.
    private static readonly (string Step, string Program, bool Waited)[] Leaving =
    [
        ("suspend: stopped", "QEMU", true), ("suspend: saved", "virtiofsd", false), ("suspend: stopped", "virtiofsd", true), ("suspend: saved", "QEMU", true),
        ("suspend: flushed", "QEMU", true), ("suspend: flushed", "virtiofsd", false),
    ];

    // Once the host is let run nobody waits for its virtiofsd but whoever works in /safe.
    private static readonly (string Step, string Program, bool Waited)[] Opening =
    [
        ("resume: loaded", "QEMU", true), ("resume: image forgotten", "QEMU", true), ("resume: loaded", "virtiofsd", true), ("resume: image forgotten", "virtiofsd", false),
    ];

    [Fact]
    public async Task One_that_stands_still_while_the_safe_closes_is_named_and_the_safe_closes_in_time()
    {
        await HasAsync("leaving");
        foreach (var (step, program, waited) in Some(Leaving))
        {
            safe.Arm(step, stop: true);
            var begun = BootClock.Now;
            var leaving = safe.Owner.LeaveAsync();
            int frozen = await FreezeAsync(step, "leaving", program);
            await leaving;
            Assert.True(await safe.IsClosedWithinAsync(begun + TimeSpan.FromSeconds(safe.Safe.Configuration.BoundSeconds) - BootClock.Now), $"{step}, {program}");
            string told = string.Join('\n', safe.Owner.Told);
            Assert.True(waited == told.Contains($"{program} (pid {frozen}) did not end '", StringComparison.Ordinal), $"{step}, {program} (pid {frozen}): {told}");
            Assert.Empty(safe.Qemus("leaving"));
            Assert.Empty(safe.Virtiofsds);
            await safe.OpenAsync();
            await safe.ReadyAsync("leaving", step);
        }

        await safe.RemoveAsync("leaving");
        await safe.Owner.LeaveAsync();
    }

    [Fact]
    public async Task One_that_stands_still_while_its_host_goes_on_is_named_and_keeps_nobody_from_working_or_closing()
    {
        await HasAsync("opening");
        foreach (var (step, program, waited) in Some(Opening))
        {
            await safe.Owner.LeaveAsync();
            safe.Arm(step, stop: true);
            var opening = safe.OpenAsync();
            int frozen = await FreezeAsync(step, "opening", program);
            await opening;
            Host? told = null;
            for (var end = BootClock.Now + GuestSafe.Patience; (told = await safe.FindAsync("opening"))!.State == "starting"; await Task.Delay(200, TestContext.Current.CancellationToken))
            {
                Assert.True(BootClock.Now < end, $"{step}: {told}");
            }

            Assert.True(waited ? told!.State is "failed" or "degraded" : told!.State == "running", $"{step}, {program}: {told}");
            Assert.True(!waited || told.Note.Contains($"{frozen}", StringComparison.Ordinal) || told.State == "degraded", $"{step}, {program}: {told}");
            var begun = BootClock.Now;
            await safe.Owner.LeaveAsync();
            Assert.True(await safe.IsClosedWithinAsync(begun + TimeSpan.FromSeconds(safe.Safe.Configuration.BoundSeconds) - BootClock.Now), $"{step}, {program}");
            Assert.Empty(safe.Qemus("opening"));
            await safe.OpenAsync();
            await safe.ReadyAsync("opening", step);
        }

        await safe.RemoveAsync("opening");
        await safe.Owner.LeaveAsync();
    }

    [Fact]
    [Trait("takes", "long")]
    public async Task One_that_stands_still_while_its_host_is_stopped_is_ended_and_the_host_starts_again()
    {
        await HasAsync("stopping");
        safe.Arm(HostSteps.Stopping[0], stop: true);
        var stopping = safe.StopAsync("stopping");
        await FreezeAsync(HostSteps.Stopping[0], "stopping", "QEMU");
        await stopping;
        Assert.Equal("stopped", (await safe.FindAsync("stopping"))!.State);
        Assert.Empty(safe.Qemus("stopping"));
        await safe.StartAsync("stopping");
        await safe.ReadyAsync("stopping", "started again");
        await safe.RemoveAsync("stopping");
        await safe.Owner.LeaveAsync();
    }

    /// <summary>Waits until safed has stopped itself there, stops the program, and lets it go on.</summary>
    private async Task<int> FreezeAsync(string step, string host, string program)
    {
        await safe.StoppedAsync(step);
        int[] found = program == "QEMU" ? safe.Qemus(host) : safe.Virtiofsds;
        Assert.True(found.Length > 0, $"no {program} at '{step}'");
        int pid = found[^1];
        using var process = PidFd.Open(pid)!;
        process.Signal(SignalNumbers.Stop);
        using var inside = PidFd.Open(safe.InsidePid)!;
        inside.Signal(SignalNumbers.Continue);
        return pid;
    }

    private async Task HasAsync(string host)
    {
        await safe.OpenAsync();
        await safe.AddAsync(host);
        await safe.ReadyAsync(host, "new");
    }

    /// <summary>The first for every run, the others for the long one.</summary>
    private IEnumerable<T> Some<T>(IReadOnlyList<T> cases) => all ? cases : cases.Take(1);
}

/// <summary>One step of each.</summary>
public sealed class SomeHostFrozenTests(GuestSafe safe) : HostFrozenTests(safe, all: false);

/// <summary>All of them.</summary>
[Trait("takes", "long")]
public sealed class AllHostFrozenTests(GuestSafe safe) : HostFrozenTests(safe, all: true);
