using Microsoft.Extensions.Logging.Abstractions;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Guardian;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Guardian;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Tests.Daemon;

/// <summary>What a safed finds that comes after one that was killed: with a real volume and a real guardian.</summary>
[Trait("needs", "root")]
public sealed class RestartedEffectsTests
{
    private static readonly Terms Terms = Desk.Terms;

    [Fact]
    public async Task A_restarted_safed_finds_out_how_long_the_guardian_of_before_waits()
    {
        await using var scene = await Scene.OpenAsync();
        TimeSpan deadline = BootClock.Now + TimeSpan.FromMinutes(5);
        await scene.ArmAsync(deadline);
        await scene.Client.DisposeAsync();
        using var ledger = new Ledger();
        await using var again = After(scene, ledger);
        var found = await again.LookAsync();
        Assert.Equal((KeyFound.Present, (TimeSpan?)deadline), (found.Key, found.GuardedUntil));
        Assert.Contains($"pid {scene.GuardianProcess.Pid}", again.GuardianState, StringComparison.Ordinal);
    }

    [Fact]
    public async Task However_often_it_dies_together_with_its_guardian_the_deadline_moves_no_later()
    {
        await using var scene = await Scene.OpenAsync();
        scene.GuardianProcess.Kill();
        await scene.Died.Task.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        using var ledger = new Ledger();
        var lastLease = BootClock.Now + TimeSpan.FromMinutes(1);
        await using (var first = After(scene, ledger))
        {
            await first.LookAsync();
            await GuardAsync(first, new ArmGuardian(lastLease + Terms.Bound));
        }

        for (int i = 0; i < 4; i++)
        {
            await using var again = After(scene, ledger);
            var found = await again.LookAsync() with { Recorded = [Desk.Id(1)] };
            Assert.Equal("none", again.GuardianState);
            var then = SafeLifecycle.Restart(found, BootClock.Now, Terms);
            Assert.Equal(lastLease, Assert.IsType<Open>(then.State).Awaited?.Until);
            await GuardAsync(again, Assert.Single(then.Effects, e => e is ArmGuardian));
        }

        await using var last = After(scene, ledger);
        Assert.Null((await AfterAnotherBootAsync(last)).GuardedUntil);

        async Task GuardAsync(SafeEffects effects, Effect arm)
        {
            await effects.PerformAsync(arm, new Open([], null), TestContext.Current.CancellationToken);
            using var guardian = PidFd.Open(int.Parse(effects.GuardianState.Split("pid ")[1], null))!;
            guardian.Kill();
            Assert.True(guardian.WaitForEnd(TimeSpan.FromSeconds(5)));
        }

        Task<Findings> AfterAnotherBootAsync(SafeEffects effects)
        {
            File.WriteAllText(scene.Options.Deadline, $"{Guid.NewGuid()} {File.ReadAllText(scene.Options.Deadline).Split(' ')[1]}");
            return effects.LookAsync();
        }
    }

    [Fact]
    public async Task Where_no_guardian_is_left_none_is_started_to_ask()
    {
        await using var scene = await Scene.OpenAsync();
        scene.GuardianProcess.Kill();
        await scene.Died.Task.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        using var ledger = new Ledger();
        await using var again = After(scene, ledger);
        Assert.Null((await again.LookAsync()).GuardedUntil);
        Assert.Equal("none", again.GuardianState);
        Assert.Null(await GuardianClient.FindAsync(scene.Options));
    }

    [Fact]
    public async Task A_guardian_left_armed_is_disarmed_when_the_safe_is_found_closed_and_does_not_meet_the_next_opening()
    {
        await using var scene = await Scene.OpenAsync();
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromSeconds(6));
        await scene.Client.DisposeAsync();
        await scene.Test.LockAsync();    // by hand, say
        using var ledger = new Ledger();
        await using var again = After(scene, ledger);
        var then = SafeLifecycle.Restart(await again.LookAsync(), BootClock.Now, Terms);
        Assert.IsType<Closed>(then.State);
        await again.PerformAsync(Assert.Single(then.Effects, e => e is DisarmGuardian), then.State, TestContext.Current.CancellationToken);
        Assert.EndsWith("disarmed\n", scene.Log, StringComparison.Ordinal);

        await scene.Test.ReopenAsync();
        Assert.False(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(7)), scene.Log);
        Assert.Equal(KeyStatus.Present, scene.Test.Volume.Observe().Key);
    }

    /// <summary>What these tests do not touch is not there.</summary>
    private static SafeEffects After(Scene scene, Ledger ledger) => new(
        new SafeParts
        {
            Paths = new SafePaths(scene.Test.Place, scene.Test.Place, "ledger"),
            Premises = null!,
            Images = new Dictionary<string, byte[]>(),
            Vault = ledger.Vault,
            Volume = new FscryptVolume(scene.Test.Volume.File, scene.Test.Volume.MountPoint),
            Network = null!,
            Ports = null!,
            Gateway = null!,
            Tools = null!,
            Guardian = scene.Options,
            Sessions = new SessionBook(NullLogger.Instance),
            Log = NullLogger.Instance,
        },
        new Deadlines(Terms.Bound, Terms.Opening));
}
