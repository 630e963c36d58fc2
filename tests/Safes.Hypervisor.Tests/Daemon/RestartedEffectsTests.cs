using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Guardian;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Guardian;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Hypervisor.Tests.Ways;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Tests;
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
            var found = await again.LookAsync() with { Recorded = [Desk.Kept(1)] };
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

    [Fact]
    public async Task Closing_waits_for_the_taking_over_that_was_given_up_and_begins_no_second_one()
    {
        await using var scene = await Scene.OpenAsync();
        using var ledger = new Ledger();
        await using var effects = After(scene, ledger);
        await using var network = await EmptyNetwork.PinAsync(Path.Combine(scene.Test.Place, "ledger", "ns", "empty"));
        await effects.LookAsync();
        using var qemu = await StandInAsync(scene, "desk");
        using var orders = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        orders.Bind(new UnixDomainSocketEndPoint(Path.Combine(scene.Test.Place, "ledger", "hosts", "10", "qmp")));
        orders.Listen(4);

        using var givenUp = new CancellationTokenSource();
        var adopting = effects.PerformAsync(new AdoptHosts(), new Open([], null), givenUp.Token);
        var first = await orders.AcceptAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(9), TestContext.Current.CancellationToken);
        await givenUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => adopting);

        var suspending = effects.PerformAsync(new SuspendHosts(), new Closing(CloseReason.AdoptionFailed, BootClock.Now + Terms.Bound), TestContext.Current.CancellationToken);
        var second = orders.AcceptAsync(TestContext.Current.CancellationToken).AsTask();
        Assert.NotEqual(second, await Task.WhenAny(second, suspending, Task.Delay(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken)));
        Assert.False(suspending.IsCompleted, "the host's memory is given up though its QEMU may still answer");
        first.Dispose();    // its QEMU never will
        await suspending;
        await qemu.Exited.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        await effects.PerformAsync(new EndProcesses(), new Closing(CloseReason.AdoptionFailed, BootClock.Now + Terms.Bound), TestContext.Current.CancellationToken);
        await scene.Test.LockAsync();
    }

    /// <summary>A program where a host's QEMU would run, recorded as such.</summary>
    private static async Task<Child> StandInAsync(Scene scene, string host)
    {
        var uuid = Guid.NewGuid();
        string home = Directory.CreateDirectory(scene.Test.Volume.Root.PathOf($"hosts/{host}")).FullName;
        await Tool.RunAsync("chown", ["64210:64210", home]);    // its own user's, as host number 10's is
        string run = Directory.CreateDirectory(Path.Combine(scene.Test.Place, "ledger", "hosts", "10")).FullName;
        new HostDefinition
        {
            Name = host,
            Number = 10,
            Image = "image",
            Cpus = 1,
            MemoryBytes = 1 << 20,
            DiskBytes = 1 << 20,
            Uuid = uuid,
            MachineId = uuid,
            Running = true,
            BootedUnix = 0,
        }.Write(scene.Test.Volume.Root.Below("hosts"));
        string program = Path.Combine(scene.Test.Place, "qemu-system-test");
        File.CreateSymbolicLink(program, "/bin/sleep");
        var child = Child.Start(new ChildStart(program, ["1000"]) { WorkingDirectory = home });
        string begun = (await File.ReadAllTextAsync($"/proc/{child.Pid}/stat")).Split(") ")[1].Split(' ')[19];
        await File.WriteAllTextAsync(
            Path.Combine(run, "process.json"), $$"""{"qemu":{{child.Pid}},"qemu_start":{{begun}},"virtiofsd":0,"virtiofsd_start":0,"uuid":"{{uuid}}"}""");
        return child;
    }

    /// <summary>Ports that nobody opens.</summary>
    private sealed class NoPorts : IHostPorts
    {
        public IPAddress Gateway => IPAddress.Loopback;

        public string Mac(int number) => "52:54:00:53:01:0a";

        public IPAddress Address(int number) => IPAddress.Loopback;

        public IPAddress Address6(int number) => IPAddress.IPv6Loopback;

        public Task<SafeFileHandle> OpenAsync(int number) => throw new InvalidOperationException();

        public Task LetThroughAsync(int number, CancellationToken closing) => Task.CompletedTask;

        public Task CutAsync(params IReadOnlyCollection<int> numbers) => Task.CompletedTask;

        public Task ForgetAsync(int number) => Task.CompletedTask;
    }

    /// <summary>What these tests do not touch is not there.</summary>
    private static SafeEffects After(Scene scene, Ledger ledger) => new(
        new SafeParts
        {
            Paths = new SafePaths(scene.Test.Place, scene.Test.Place, "ledger"),
            Premises = new Premises { VolumeId = default, GatewayImage = "" },
            Images = new Dictionary<string, byte[]>(),
            Vault = ledger.Vault,
            Volume = new FscryptVolume(scene.Test.Volume.File, scene.Test.Volume.MountPoint),
            Network = null!,
            Ports = new NoPorts(),
            World = null!,
            Gateway = null!,
            Ways = new NoWays(),
            Tools = new Qemu.Tools
            {
                Qemu = "/bin/false",
                QemuImg = "/bin/false",
                Virtiofsd = ["/bin/false"],
                Kernel = "",
                Modules = "",
                Busybox = "",
                Accelerator = "tcg",
            },
            Guardian = scene.Options,
            Sessions = new SessionBook(NullLogger.Instance),
            Log = NullLogger.Instance,
        },
        new Deadlines(Terms.Bound, Terms.Opening));
}
