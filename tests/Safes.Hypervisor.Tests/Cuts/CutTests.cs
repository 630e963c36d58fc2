using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Linux;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Cuts;

/// <summary>The real `safed`, killed at every named step and started again: the old state or the new, the member gets in, nothing is left behind.</summary>
[Trait("needs", "root")]
public abstract class CutTests(bool all)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task An_init_that_is_killed_anywhere_is_no_safe_or_a_whole_one()
    {
        foreach (string step in Steps.Some(Steps.Init, all))
        {
            await using var safe = await RealSafe.MakeAsync();
            safe.Arm(step);
            Assert.NotEqual(0, (await safe.InitAsync()).Exit);
            Assert.False(safe.IsArmed, $"it never came to '{step}'");
            bool whole = step == Steps.Init[^1];
            var run = await safe.SafedAsync(["status", "ledger"]);
            Assert.Contains(whole ? "safed does not run" : "[no-safe]", run.Output + run.Error, StringComparison.Ordinal);
            if (!whole)
            {
                var again = await safe.InitAsync();
                Assert.True(again.Exit == 0, $"{step}: {again.Output}{again.Error}");
            }

            var stop = await safe.SafedAsync(["stop", "ledger"]);
            Assert.True(stop.Exit == 0, $"{step}: {stop.Error}");
            Assert.True(await safe.LeftAsync() is [], $"{step}: {string.Join(", ", await safe.LeftAsync())}");
        }
    }

    [Fact]
    public async Task A_claim_that_is_killed_anywhere_leaves_it_unclaimed_or_claimed()
    {
        var safe = await RealSafe.RunningAsync();
        try
        {
            foreach (string step in Steps.Some([.. Steps.Claim, .. Steps.Header], all))
            {
                using var anna = new TeamDevice(safe, safe.Anna);
                await KilledAsync(safe, step, anna.ClaimAsync);
                anna.Reconnect();
                bool claimed = (await anna.HelloAsync()).Entries > 0;
                Assert.True(claimed == Steps.Header.Skip(2).Contains(step), $"{step}: claimed {claimed}");
                Assert.True(await safe.IsClosedWithinAsync(Patience), $"{step}: {safe.Facts}");
                if (!claimed)
                {
                    continue;
                }

                await OpensAndClosesAsync(safe, anna, step);
                await safe.DisposeAsync();
                safe = await RealSafe.RunningAsync();
            }

            using var last = new TeamDevice(safe, safe.Anna);
            await EventuallyAsync(async () =>
            {
                await last.ClaimAsync();
                return true;
            });
            await OpensAndClosesAsync(safe, last, "at last");
        }
        finally
        {
            await safe.DisposeAsync();
        }
    }

    [Fact]
    public async Task An_opening_that_is_killed_anywhere_is_undone_or_goes_on()
    {
        await using var safe = await RealSafe.RunningAsync();
        using var anna = new TeamDevice(safe, safe.Anna);
        await anna.ClaimAsync();
        foreach (string step in Steps.Some([.. Steps.Opening, .. Steps.Again, .. Steps.Restart], all))
        {
            if (Steps.Again.Contains(step))
            {
                await OpenAsync(anna);
            }

            if (Steps.Restart.Contains(step))
            {
                await OpenAsync(anna);
                await safe.KillAsync();
                safe.Arm(step);
                await safe.StartAsync(mayDie: true);
                await safe.DiedAsync(step);
                await safe.StartAsync();
            }
            else
            {
                await KilledAsync(safe, step, () => anna.OpenAsync());
            }

            anna.Reconnect();
            await OpensAndClosesAsync(safe, anna, step);
        }

        await NothingIsLeftAsync(safe);
    }

    [Fact]
    public async Task A_closing_that_is_killed_anywhere_is_finished()
    {
        await using var safe = await RealSafe.RunningAsync();
        using var anna = new TeamDevice(safe, safe.Anna);
        await anna.ClaimAsync();
        foreach (string step in Steps.Some(Steps.Closing, all))
        {
            var session = await OpenAsync(anna);
            await KilledAsync(safe, step, () => anna.LeaveAsync(session));
            anna.Reconnect();
            if (Steps.BeforeItIsKnown.Contains(step))
            {
                await safe.SafedAsync(["seal", "ledger"]);    // else it waits for the lease
            }
            else
            {
                Assert.NotEqual(State.Open, (await anna.HelloAsync()).State);
            }

            Assert.True(await safe.IsClosedWithinAsync(Patience), $"{step}: {safe.Facts}");
            await OpensAndClosesAsync(safe, anna, step);
        }

        await NothingIsLeftAsync(safe);
    }

    [Fact]
    public async Task Writing_back_that_is_killed_leaves_it_open_and_looking_for_holders_that_is_killed_begins_anew()
    {
        await using var safe = await RealSafe.RunningAsync();
        using var anna = new TeamDevice(safe, safe.Anna);
        await anna.ClaimAsync();
        var session = await OpenAsync(anna);
        await KilledAsync(safe, Steps.WriteBack, () => anna.FallSilentAsync(session));
        anna.Reconnect();
        Assert.Equal(State.Open, (await anna.HelloAsync()).State);
        await OpensAndClosesAsync(safe, anna, Steps.WriteBack);

        session = await OpenAsync(anna);
        await using (var holding = await Holding.ProcessAsync(
            "nsenter", [$"--mount=/proc/{safe.Pid}/ns/mnt", "sh", "-c", $"exec 3<{safe.Paths.MountPoint}/safe/share/plan && echo held && exec sleep 1000"]))
        {
            await KilledAsync(safe, Steps.Holders, () => anna.LeaveAsync(session));
            await EventuallyAsync(async () => (await safe.SafedAsync(["status", "ledger"])).Output.Contains($"pid {holding.Pid}", StringComparison.Ordinal));
            Assert.False(safe.Facts.IsClosed);
        }

        Assert.True(await safe.IsClosedWithinAsync(Patience), $"{safe.Facts}");
        anna.Reconnect();
        await OpensAndClosesAsync(safe, anna, Steps.Holders);
        await NothingIsLeftAsync(safe);

        static async Task EventuallyAsync(Func<Task<bool>> holds)
        {
            for (var end = BootClock.Now + Patience; !await holds(); await Task.Delay(100, TestContext.Current.CancellationToken))
            {
                Assert.True(BootClock.Now < end, "the holder is not named");
            }
        }
    }

    [Fact]
    public async Task A_change_of_members_that_is_killed_anywhere_leaves_the_old_roster_or_the_new_one()
    {
        await using var safe = await RealSafe.RunningAsync();
        using var anna = new TeamDevice(safe, safe.Anna);
        await anna.ClaimAsync();
        int n = 0;
        foreach (string step in Steps.Some([.. Steps.Header, .. Steps.Roster], all))
        {
            using var bob = new Person($"bob {++n}");
            using var device = new TeamDevice(safe, bob);
            var session = await OpenAsync(anna);
            await ChangedAsync(step, () => anna.AddAsync(session, bob), present => present, bob, () => session = null!);
            await ChangedAsync(step, device.JoinAsync, _ => true, bob, () => device.Reconnect());
            device.Reconnect();
            await EventuallyAsync(async () =>
            {
                if (!(await device.HelloAsync()).Joined)
                {
                    await device.JoinAsync();
                }

                return true;
            });
            await OpensAndClosesAsync(safe, device, step);
            session = await OpenAsync(anna);
            await ChangedAsync(step == Steps.Header[1] ? Steps.NewSecret : step, () => anna.RemoveAsync(session, bob), present => !present, bob, () => { });
            Assert.DoesNotContain((await anna.RosterAsync()).Devices, d => d.Id == bob.Device);
        }

        await OpensAndClosesAsync(safe, anna, "at last");
        await NothingIsLeftAsync(safe);

        // Killed at the step; afterwards the roster is the old one or the new one, and what did not come about is done again.
        async Task ChangedAsync(string step, Func<Task> change, Func<bool, bool> done, Person who, Action reconnected)
        {
            await KilledAsync(safe, step, change);
            anna.Reconnect();
            reconnected();
            bool present = (await EventuallyAsync(anna.RosterAsync)).Devices.Any(d => d.Id == who.Device);
            if (!done(present))
            {
                var session = await OpenAsync(anna);
                await (present ? anna.RemoveAsync(session, who) : anna.AddAsync(session, who));
            }
        }
    }

    /// <summary>Does it with the step armed, waits for its death there, and starts safed again.</summary>
    private static async Task KilledAsync(RealSafe safe, string step, Func<Task> act)
    {
        safe.Arm(step);
        try
        {
            await act();
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Cancelled or StatusCode.Unknown)
        {
            // Its line is cut in the middle.
        }

        await safe.DiedAsync(step);
        await safe.StartAsync();
    }

    /// <summary>As a member does who is told to wait.</summary>
    private static Task<Opened> OpenAsync(TeamDevice device) => EventuallyAsync(device.OpenAsync);

    private static async Task<T> EventuallyAsync<T>(Func<Task<T>> act)
    {
        for (var end = BootClock.Now + Patience; ; await Task.Delay(100, TestContext.Current.CancellationToken))
        {
            try
            {
                return await act();
            }
            catch (RpcException e) when (BootClock.Now < end && CodeOf(e) is var code && (code == FaultCodes.Closing.Code || code == FaultCodes.Moved.Code || code == FaultCodes.Faulted.Code))
            {
                // Not yet.
            }
        }
    }

    private static string CodeOf(RpcException e) => e.Trailers.GetValueBytes(FaultMap.Trailer) is { } fault ? Fault.Parser.ParseFrom(fault).Code : "";

    /// <summary>The member gets in, what the team wrote is there, and the kernel says that it closes.</summary>
    private static async Task OpensAndClosesAsync(RealSafe safe, TeamDevice device, string step)
    {
        var session = await OpenAsync(device);
        string plan = $"/proc/{safe.Pid}/root{safe.Paths.MountPoint}/safe/share/plan";
        if (!File.Exists(plan))
        {
            Assert.False(safe.HasWritten, $"{step}: what the team wrote is gone");
            await File.WriteAllTextAsync(plan, "the plan");
            safe.HasWritten = true;
        }

        Assert.Equal("the plan", await File.ReadAllTextAsync(plan));
        await device.LeaveAsync(session);
        if (!safe.Facts.IsClosed)
        {
            await safe.SafedAsync(["seal", "ledger"]);    // it waits for a session of before, whose device has lost it
        }

        Assert.True(await safe.IsClosedWithinAsync(Patience), $"{step}: {safe.Facts}");
        Assert.True(safe.Guardians <= 1, $"{step}: {safe.Guardians} guardians");
    }

    private static async Task NothingIsLeftAsync(RealSafe safe)
    {
        var stop = await safe.StopAsync();
        Assert.True(stop.Exit == 0, stop.Error);
        Assert.Empty(await safe.LeftAsync());
    }
}

/// <summary>A quarter of the steps.</summary>
public sealed class SomeCutTests() : CutTests(all: false);

/// <summary>All of them.</summary>
[Trait("takes", "long")]
public sealed class AllCutTests() : CutTests(all: true);
