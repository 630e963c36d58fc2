using Safes.Linux;

namespace Safes.Hypervisor.Tests.Cuts;

/// <summary>Killed or stopped at a step, and nobody comes: no member, no service manager. The guardian closes it in time.</summary>
[Trait("needs", "root")]
public abstract class FrozenTests(bool all)
{
    private const int Lease = 5, Bound = 20, Opening = 15;

    private static readonly string[] Short = ["--test-lease-seconds", $"{Lease}", "--test-challenge-seconds", "2", "--test-bound-seconds", $"{Bound}", "--test-opening-seconds", $"{Opening}"];

    /// <summary>Steps at which the key is there. What is verified once the volume is locked is named before the steps of locking it.</summary>
    private static readonly IReadOnlyList<string> WithKey =
    [
        .. Steps.Opening.SkipWhile(s => s != "Opening CheckVolume"),
        .. Steps.Closing.TakeWhile(s => s != "lock: remove the key").Append("lock: remove the key").Where(s => s != "Closing VerifyClosed"),
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Where_nobody_comes_the_key_is_gone_within_lease_and_bound(bool stopped)
    {
        foreach (string step in all ? WithKey : stopped ? ["Closing LockVolume"] : ["Open RecordSession"])
        {
            await using var safe = await RealSafe.RunningAsync(Short);
            using var anna = new TeamDevice(safe, safe.Anna);
            await anna.ClaimAsync();
            var begin = BootClock.Now;
            if (Steps.Opening.Contains(step))
            {
                safe.Arm(step, stopped);
                _ = anna.OpenAsync();
            }
            else
            {
                var session = await anna.OpenAsync();
                begin = BootClock.Now;
                safe.Arm(step, stopped);
                _ = anna.LeaveAsync(session);
            }

            await (stopped ? safe.StoppedAsync(step) : safe.DiedAsync(step));
            Assert.False(safe.Facts.IsClosed, step);    // the control: it is there at this step
            // The guardian has the opening's own deadline until it is told the first of the open safe.
            bool opens = step.StartsWith("Opening ", StringComparison.Ordinal) || step == "Open ArmGuardian";
            var limit = TimeSpan.FromSeconds((opens ? Opening : Lease) + Bound);
            Assert.True(await safe.IsClosedWithinAsync(begin + limit - BootClock.Now), $"{step}: {safe.Facts}");
            Assert.True(safe.Ended.IsCompleted || !RealSafe.StandsStill(safe.Pid), $"{step}: safed was left where it stood");
        }
    }
}

/// <summary>One step each.</summary>
public sealed class SomeFrozenTests() : FrozenTests(all: false)
{
    [Fact]
    public async Task A_guardian_and_a_gateway_that_stand_still_are_given_up_named_and_replaced_and_the_safe_stays_open()
    {
        await using var safe = await RealSafe.RunningAsync();
        using var anna = new TeamDevice(safe, safe.Anna);
        await anna.ClaimAsync();
        await anna.OpenAsync();
        int guardian = safe.PidOf("safed guard"), gateway = safe.PidOf("gateway-stand-in");
        foreach (int pid in (int[])[guardian, gateway])
        {
            using var process = PidFd.Open(pid);
            process!.Signal(SignalNumbers.Stop);
        }

        var session = await anna.OpenAsync();    // its new deadline is what the guardian does not answer to
        await UntilAsync(() => safe.PidOf("safed guard") is > 0 and var now && now != guardian && safe.PidOf("gateway-stand-in") is > 0 and var other && other != gateway);
        await UntilAsync(() => safe.Log.Contains("SetGuardian failed", StringComparison.Ordinal) && safe.Log.Contains("gateway is down", StringComparison.Ordinal));
        var status = await safe.SafedAsync(["status", "ledger"]);
        Assert.Contains($"pid {safe.PidOf("safed guard")}", status.Output, StringComparison.Ordinal);
        await anna.LeaveAsync(session);
        Assert.True(await safe.IsClosedWithinAsync(TimeSpan.FromSeconds(60)), $"{safe.Facts}");

        async Task UntilAsync(Func<bool> holds)
        {
            for (var end = BootClock.Now + TimeSpan.FromSeconds(90); !holds(); await Task.Delay(100, TestContext.Current.CancellationToken))
            {
                Assert.True(BootClock.Now < end, safe.Log);
            }
        }
    }
}

/// <summary>All of them.</summary>
[Trait("takes", "long")]
public sealed class AllFrozenTests() : FrozenTests(all: true);
