using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Safes.Hypervisor;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Guardian;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Hypervisor.Tests.Ways;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Tests;
using Safes.Volumes;

namespace Safes.Vm.Tests;

/// <summary>What a safed closes that was not there when the hosts were started.</summary>
[Trait("needs", "guest")]
public sealed class ClosingTests(SharedFleet shared) : IClassFixture<SharedFleet>
{
    private readonly Fleet fleet = shared.Fleet;

    [Fact]
    public async Task Hosts_of_a_safed_that_died_once_it_had_decided_to_close_are_suspended_by_the_next_one()
    {
        await fleet.Hosts.AddAsync(new HostRequest("desk"));
        await fleet.RunAsync("desk", "sudo touch /run/memory");
        await fleet.Hosts.DisposeAsync();    // and with it the sessions that were recorded: it had forgotten them

        using var ledger = new Ledger();
        await using var network = await EmptyNetwork.PinAsync(PathsOf(fleet).EmptyPin);
        await using (var effects = After(ledger))
        {
            var then = SafeLifecycle.Restart(await effects.LookAsync(), BootClock.Now, Terms);
            Assert.Equal(CloseReason.FoundUnfinished, Assert.IsType<Closing>(then.State).Why);
            EventAt? found = null;
            foreach (var effect in then.Effects.Where(e => e is ForgetSessions or SuspendHosts or EndProcesses or LockVolume or VerifyClosed))
            {
                var begin = BootClock.Now;
                found = await effects.PerformAsync(effect, then.State, TestContext.Current.CancellationToken);
                Assert.True(BootClock.Now - begin <= effects.LimitOf(effect), $"{effect.Name} took {BootClock.Now - begin}");
            }

            Assert.IsType<FoundClosed>(found!(BootClock.Now));
        }

        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.RunAsync("desk", "test -e /run/memory");
        await fleet.Hosts.RemoveAsync("desk");
    }

    private static Terms Terms { get; } =
        new(TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(2), Reboots: false);

    /// <summary>What it says goes to the test's output.</summary>
    private sealed class Told : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            TestContext.Current.TestOutputHelper?.WriteLine($"{eventId.Name}: {formatter(state, exception)} {exception}");
    }

    private static SafePaths PathsOf(Fleet fleet) => new(fleet.Volume.Place, Path.GetDirectoryName(fleet.Volume.Place)!, Path.GetFileName(fleet.Volume.Place));

    /// <summary>Its run directory is the fleet's; network, gateway and guardian are others' tests.</summary>
    private SafeEffects After(Ledger ledger)
    {
        var paths = PathsOf(fleet);
        return new SafeEffects(
            new SafeParts
            {
                Paths = paths,
                Premises = new Premises { VolumeId = default, GatewayImage = "" },
                Images = new Dictionary<string, byte[]>(),
                Vault = ledger.Vault,
                Volume = new FscryptVolume(fleet.Volume.Volume.File, fleet.Volume.Volume.MountPoint),
                Network = null!,
                Ports = fleet.Ports,
                World = null!,
                Gateway = null!,
                Ways = new NoWays(),
                Tools = fleet.Hosts.Options.Tools,
                Guardian = new GuardianOptions(paths.Run),
                Sessions = new SessionBook(NullLogger.Instance),
                Log = new Told(),
            },
            new Deadlines(Terms.Bound, Terms.Opening));
    }
}
