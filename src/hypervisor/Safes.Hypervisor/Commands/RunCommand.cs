using System.CommandLine;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Gateway;
using Safes.Hypervisor.Guardian;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Resident;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Vaults;
using Safes.Hypervisor.Ways;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Network;
using Safes.Volumes;

namespace Safes.Hypervisor.Commands;

/// <summary>`safed run`: the daemon of one safe. This is where the parts are put together.</summary>
internal static class RunCommand
{
    public static Command Create(IReadOnlyList<string> arguments)
    {
        var roots = new Roots(mustExist: true);
        var foreground = new Option<bool>("--foreground") { Description = "Stay in the foreground. It does in any case; systemd wants it so." };
        var verbose = new Option<bool>("--verbose") { Description = "Log every effect." };
        var command = new Command(
            "run",
            """
            Runs the daemon of a safe. SIGTERM ends it and leaves hosts and gateway running, for the next one to take over;
            `safed seal` closes the safe.

            Example:
              safed run ledger
            """)
        { foreground, verbose };
        roots.AddTo(command);
        command.SetAction((parsed, stop) => SafedCommand.GuardAsync(async () =>
        {
            SafedCommand.RequireRoot();
            var paths = roots.Of(parsed);
            await PinnedMounts.EnterAsync(paths, arguments).ConfigureAwait(false);
            using var log = LoggerFactory.Create(b => b.SetMinimumLevel(parsed.GetValue(verbose) ? LogLevel.Debug : LogLevel.Information).AddProvider(new PlainLog()));
            return await RunAsync(paths, log, stop).ConfigureAwait(false);
        }));
        return command;
    }

    private static async Task<int> RunAsync(SafePaths paths, ILoggerFactory loggers, CancellationToken stop)
    {
        var log = loggers.CreateLogger("Safes");
        using var mine = RunLock.Take(paths, log);
        log.Started(SafeApi.Version, paths.Name, Environment.ProcessId);
        using var vault = Vault.Load(paths.State);
        var premises = Premises.Read(paths);
        await Neighbours.CheckAsync(paths, vault.Configuration, premises).ConfigureAwait(false);
        var tools = await ServerTools.LoadAsync().ConfigureAwait(false);
        using var network = await SafeNetwork.CreateAsync(Premise.NetworkOf(paths, vault)).ConfigureAwait(false);
        await NetworkNamespace.EnsureAsync(paths.EmptyPin).ConfigureAwait(false);
        await using var gateway = await GatewayGuest.StartAsync(Premise.GatewayOf(paths, premises.GatewayImage, premises.Users, tools), network, GatewayPlan.Of(vault), stop)
            .ConfigureAwait(false);
        await using var watch = NetworkWatch.Start(network, null, new NetworkLog(network.Addresses, log).Tell);
        gateway.Changed += up => log.GatewayChanged(up ? "up" : "down");

        var configuration = vault.Configuration;
        var parts = new SafeParts
        {
            Paths = paths,
            Premises = premises,
            Images = Images.DigestsOf(premises),
            Vault = vault,
            Volume = new FscryptVolume(configuration.Volume, paths.MountPoint),
            Network = network,
            Ports = new SafeNetworkPorts(network),
            World = new SafeNetworkWorld(network),
            Gateway = gateway,
            Ways = new NetworkWays(network, gateway),
            Tools = tools,
            Guardian = new GuardianOptions(paths.Run, RebootOnFailure: configuration.RebootWhenFaulted),
            Sessions = new SessionBook(log),
            Log = log,
        };
        var opening = TimeSpan.FromSeconds(premises.OpeningSeconds);
        var terms = new Terms(configuration.Lease, configuration.Bound, opening, TimeSpan.FromSeconds(2), configuration.RebootWhenFaulted);
        await using var effects = new SafeEffects(parts, new Deadlines(configuration.Bound, opening));
        var found = await effects.LookAsync().ConfigureAwait(false);
        await using var daemon = new SafeDaemon(effects, terms, SafeLifecycle.Restart(found, BootClock.Now, terms), BootClock.Instance, log);
        daemon.Transitioned += parts.Sessions.Follow;
        effects.InsideDied += () => _ = daemon.SubmitAsync(at => new InsideLost(at));
        effects.GuardianDied += () => _ = daemon.SubmitAsync(at => new GuardianLost(at));
        using var keys = new OneTimeKeys(BootClock.Instance);
        var api = new ApiParts
        {
            Daemon = daemon,
            Vault = vault,
            Sessions = parts.Sessions,
            OneTimeKeys = keys,
            Keys = parts.Keys,
            Work = parts.Work,
            Safe = effects,
            Terms = terms,
            Clock = BootClock.Instance,
            Log = log,
            Server = parts,
            Images = parts.Images,
        };
        using var control = network.ListenControl();
        using var provider = new PlainLog();
        var own = new GivenConnections();
        await using var members = Servers.Control((k, options) => k.Listen(own.EndPoint, options), vault, api, provider, log.IsEnabled(LogLevel.Debug), own);
        using var door = new ControlDoor(control, own, effects.HandOver);
        await using var root = Servers.LocalSocket(paths.LocalSocket, new LocalApi(daemon, parts, effects, loggers.CreateLogger<LocalApi>()), provider);
        daemon.Start();
        using var upkeep = new CancellationTokenSource();
        var looking = new Upkeep(effects, daemon, keys).RunAsync(upkeep.Token);
        await members.StartAsync(stop).ConfigureAwait(false);
        await root.StartAsync(stop).ConfigureAwait(false);
        var deciding = door.RunAsync();
        await members.WaitForShutdownAsync(CancellationToken.None).ConfigureAwait(false);
        await root.StopAsync(CancellationToken.None).ConfigureAwait(false);
        await upkeep.CancelAsync().ConfigureAwait(false);
        await looking.ConfigureAwait(false);
        await door.StopAsync().ConfigureAwait(false);
        await deciding.ConfigureAwait(false);
        return 0;
    }
}
