using System.Text.Json.Nodes;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor;
using Safes.Hypervisor.Vaults;
using Safes.Linux;
using Safes.Safed.Tests;
using Safes.Volumes;

namespace Safes.Vm.Tests;

/// <summary>
/// The real `safed` with real guests behind a stood-in gateway, for a class of tests. It can be killed or stopped at a named step of a host's
/// life, and a host's programs looked at from outside.
/// </summary>
public sealed class GuestSafe : IAsyncLifetime
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private static readonly SafeConfiguration Sizes = RealSafe.Long with { VolumeBytes = 5L << 30, BoundSeconds = 90 };

    internal RealSafe Safe { get; private set; } = null!;

    internal Laptop Owner => Safe.Owner;

    // Where the inside may write, too: it is used once.
    private string Failpoint => Path.Combine(Safe.Paths.Hosts, "failpoint");

    public async ValueTask InitializeAsync() => await StartAsync(Sizes);

    public async ValueTask DisposeAsync()
    {
        if (Safe is not null)
        {
            await Safe.DisposeAsync();
        }
    }

    /// <summary>In place of the one of the class: with a lease of its own.</summary>
    public static async Task<GuestSafe> WithLeaseAsync(int seconds)
    {
        var safe = new GuestSafe();
        await safe.StartAsync(Sizes with { LeaseSeconds = seconds });
        return safe;
    }

    /// <summary>At the next time that it comes to this step it is killed, or stopped, there.</summary>
    public void Arm(string step, bool stop = false) => File.WriteAllText(Failpoint, $"{step}: {(stop ? "stop" : "kill")}");

    /// <summary>Does it with the step armed, waits for the death of the inside there, kills safed in the same moment, and starts it again.</summary>
    public async Task KilledAsync(string step, Func<Task> act, bool restart = true)
    {
        Arm(step);
        var dying = DyingAsync();
        try
        {
            await act();
        }
        catch (FaultException)
        {
            // Its line is cut in the middle.
        }

        await dying;
        Owner.Drop();
        if (restart)
        {
            await Safe.RunAsync();
        }

        async Task DyingAsync()
        {
            for (var end = BootClock.Now + Patience; File.Exists(Failpoint); await Task.Delay(5))
            {
                Assert.True(BootClock.Now < end, $"it never came to '{step}': {Safe.Log}");
            }

            await Safe.KillAsync();
        }
    }

    /// <summary>Waits until the inside has stopped itself at the step that is armed.</summary>
    public async Task StoppedAsync(string step)
    {
        for (var end = BootClock.Now + Patience; InsidePid is not (> 0 and var pid) || !Stands(pid); await Task.Delay(20))
        {
            Assert.True(BootClock.Now < end && !Safe.Exited.IsCompleted, $"it never came to '{step}': {Safe.Log}");
        }
    }

    /// <summary>Opens, as a member does who is told to wait, and holds it.</summary>
    public async Task OpenAsync()
    {
        for (var end = BootClock.Now + Patience; ; await Task.Delay(200))
        {
            try
            {
                await Owner.OpenAsync();
                Owner.Hold();
                return;
            }
            catch (FaultException e) when (BootClock.Now < end && (e.Code == FaultCodes.Closing || e.Code == FaultCodes.Moved || e.Code == FaultCodes.Faulted))
            {
                // Not yet.
            }
        }
    }

    public Task AddAsync(string host) => AskAsync((c, o) => c.AddHost(new AddHostRequest { Name = host }, o));

    public Task StartAsync(string host) => AskAsync((c, o) => c.StartHost(new StartHostRequest { Name = host }, o));

    public Task StopAsync(string host) => AskAsync((c, o) => c.StopHost(new HostRequest { Name = host }, o));

    public Task RemoveAsync(string host) => AskAsync((c, o) => c.RemoveHost(new HostRequest { Name = host }, o));

    /// <summary>Null: there is no such host.</summary>
    public async Task<Host?> FindAsync(string host) => (await Owner.StatusAsync()).Hosts.FirstOrDefault(h => h.Name == host);

    /// <summary>Waits until it runs, and all of it does.</summary>
    public async Task ReadyAsync(string host, string step)
    {
        Host? last = null;
        for (var end = BootClock.Now + Patience; (last = await FindAsync(host))?.State != "running"; await Task.Delay(200))
        {
            Assert.True(BootClock.Now < end, $"{step}: {last}");
        }

        Assert.Single(Qemus(host));
    }

    /// <summary>The process in which the inside of the open safe lives; 0: there is none that has the volume.</summary>
    public int InsidePid => Proc.All().FirstOrDefault(p => Proc.CommandLine(p).EndsWith("safed inside", StringComparison.Ordinal)
        && Directory.Exists($"/proc/{p}/root{Safe.Paths.MountPoint}/safe/hosts"));

    /// <summary>QEMUs that run for a host, and with its disk.</summary>
    public int[] Qemus(string host) =>
    [
        .. Proc.All().Where(p => Proc.CommandLine(p).Contains(" -uuid ", StringComparison.Ordinal)
            && new FileInfo($"/proc/{p}/cwd").LinkTarget == $"{Safe.Paths.MountPoint}/safe/hosts/{host}").Order(),
    ];

    /// <summary>The share daemons of all hosts, each with its sandbox's process.</summary>
    public int[] Virtiofsds => [.. Proc.Naming(Safe.Home).Where(pid => Proc.CommandLine(pid).Contains(" --shared-dir ", StringComparison.Ordinal))];

    /// <summary>When it last booted, as its definition on the open volume says: unchanged while its memory is kept.</summary>
    public long BootedUnix(string host) => (long)JsonNode.Parse(
        File.ReadAllText($"/proc/{Safe.Pid}/root{Safe.Paths.MountPoint}/safe/hosts/{host}/host.json"))!.AsObject().Single(p => p.Key.StartsWith("booted", StringComparison.OrdinalIgnoreCase)).Value!;

    /// <summary>Waits until the kernel says that the volume is closed; false after the limit.</summary>
    public async Task<bool> IsClosedWithinAsync(TimeSpan limit)
    {
        var volume = new FscryptVolume(Safe.Configuration.Volume, Safe.Paths.MountPoint);
        for (var end = BootClock.Now + limit; !volume.Observe().IsClosed; await Task.Delay(100))
        {
            if (BootClock.Now > end)
            {
                return false;
            }
        }

        return true;
    }

    private async Task StartAsync(SafeConfiguration configuration)
    {
        var tools = await Parts.ToolsAsync();
        var bundle = await Parts.BundleAsync();
        Safe = await RealSafe.StartAsync(configuration, before: safe =>
        {
            // Only the gateway is stood in for: any other QEMU is a real one.
            string chooser = Path.Combine(safe.Home, "either");
            File.WriteAllText(chooser, $"""
                #!{tools.Busybox} sh
                case "$*" in
                *name=org.safes.gateway*) unset LD_LIBRARY_PATH QEMU_MODULE_DIR; exec {safe.Home}/qemu "$@" ;;
                esac
                exec {tools.Qemu} "$@"
                """);
            File.SetUnixFileMode(chooser, (UnixFileMode)0x1ed);
            var chosen = JsonNode.Parse(File.ReadAllText(Path.Combine(Parts.ToolsDirectory, "tools.json")))!;
            chosen["qemu"] = chooser;
            File.WriteAllText(Path.Combine(safe.Home, "tools.json"), chosen.ToJsonString());
            (Premises.Read(safe.Paths) with { Images = new Dictionary<string, string> { ["debian-13"] = bundle.Directory } }).Write(safe.Paths);
            safe.AlsoSet[Linux.Failpoint.Variable] = Path.Combine(safe.Paths.Hosts, "failpoint");
        });
    }

    private async Task AskAsync(Func<Contracts.V1.Inside.InsideClient, Grpc.Core.CallOptions, Grpc.Core.AsyncServerStreamingCall<Progress>> call)
    {
        await foreach (var _ in Owner.Server.Inside.StreamAsync(call, Patience, TestContext.Current.CancellationToken))
        {
        }
    }

    private static bool Stands(int pid) => Proc.Text(pid, "stat") is { Length: > 0 } stat && stat[(stat.LastIndexOf(')') + 2)..] is ['T', ..];
}
