using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>The fleet of an open volume, with a member whose session key is certified, as the daemon would drive it.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    public static readonly MemberAccount Anna = new("anna", 3001), Bob = new("bob", 3002);

    private Fleet(OpenVolume volume, TestPorts ports)
    {
        Volume = volume;
        Ports = ports;
    }

    public OpenVolume Volume { get; }

    public TestPorts Ports { get; }

    public SshAuthority Authority { get; private set; } = null!;

    public HostFleet Hosts { get; private set; } = null!;

    /// <summary>What the next fleet is run with, beyond the ordinary.</summary>
    public Func<HostFleetOptions, HostFleetOptions> With { get; set; } = o => o;

    /// <summary>The namespace from which hosts are reached, and the address there; null: the ports' own.</summary>
    public (string Namespace, string Address)? Desk { get; set; }

    public static async Task<Fleet> OpenAsync(long volumeBytes)
    {
        var volume = await OpenVolume.MakeAsync(volumeBytes);
        var fleet = new Fleet(volume, await TestPorts.MakeAsync(volume.Place));
        await Tool.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "session", "-f", Path.Combine(volume.Place, "session")]);
        await fleet.StartAsync();
        return fleet;
    }

    /// <summary>A fleet on the open volume: after an open, or after a restart of the daemon.</summary>
    public async Task StartAsync()
    {
        Authority = await SshAuthority.OpenAsync(Volume.Volume.Root.Below("ssh"), Path.Combine(Volume.Place, "signing"));
        Hosts = new HostFleet(With(new HostFleetOptions
        {
            Zone = "ledger",
            Volume = Volume.Volume.Root,
            Authority = Authority,
            RunDirectory = Path.Combine(Volume.Place, "hosts"),
            Tools = await Parts.ToolsAsync(),
            Ports = Ports,
            Bundles = new Dictionary<string, string> { ["debian-13"] = (await Parts.BundleAsync()).Directory },
            // Several guests on few and busy cores: the clock may take longer than members should have to wait.
            ClockLimit = TimeSpan.FromSeconds(15),
        }));
        await Hosts.LoadAsync();
        await Hosts.ApplyRosterAsync([Anna]);
    }

    public async Task<IReadOnlyList<HostOutcome>> CloseAsync()
    {
        var outcomes = await Hosts.SuspendAllAsync(1, TimeSpan.FromSeconds(30));
        await Hosts.DisposeAsync();
        await Volume.LockAsync();
        return outcomes;
    }

    public async Task<IReadOnlyList<HostOutcome>> ReopenAsync()
    {
        await Volume.ReopenAsync();
        await StartAsync();
        return await Hosts.ResumeAllAsync(1, stop: TestContext.Current.CancellationToken);
    }

    /// <summary>After a test, however it ended: the volume is open and a fresh fleet on it.</summary>
    public async Task RestoreAsync()
    {
        await Hosts.DisposeAsync();
        if (!Directory.Exists(Volume.At("share")))
        {
            await Volume.ReopenAsync();
        }

        await StartAsync();
    }

    /// <summary>The run directory of a host that there is, running or not.</summary>
    public string RunOf(string host) => Hosts.Options.RunOf(Hosts.Status().Single(s => s.Name == host).Address.GetAddressBytes()[3]);

    public static string Why(HostOutcome outcome) =>
        $"{outcome.Host}: {outcome.Fault?.Code} {string.Join(", ", outcome.Fault?.Details.Select(d => $"{d.Key}={d.Value}") ?? [])} after {outcome.Took}";

    /// <summary>Plain OpenSSH, with the session's certificate and the safe's host authority as the only trust.</summary>
    public async Task<ToolOutput> SshAsync(string host, string command, MemberAccount? account = null, string? certificate = null)
    {
        string user = (account ?? Anna).Name, key = Path.Combine(Volume.Place, "session"), known = Path.Combine(Volume.Place, "known");
        await File.WriteAllTextAsync(known, $"@cert-authority *.ledger {Authority.HostAuthority}\n");
        await File.WriteAllTextAsync(
            Path.Combine(Volume.Place, "certificate"),
            certificate ?? await Authority.SignUserAsync(await File.ReadAllTextAsync(key + ".pub"), user, "anna laptop", TimeSpan.FromMinutes(5)));
        string address = $"{Hosts.Status().Single(s => s.Name == host).Address}";
        return await Tool.TryAsync(
            "ssh",
            [
                "-F", "/dev/null", "-i", key, "-o", $"CertificateFile={Path.Combine(Volume.Place, "certificate")}", "-o", $"UserKnownHostsFile={known}",
                "-o", "GlobalKnownHostsFile=/dev/null", "-o", $"HostKeyAlias={host}.ledger", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-o", "ConnectionAttempts=20",
                .. Desk is { } desk ? (string[])["-b", desk.Address] : [], $"{user}@{address}", command,
            ],
            network: Desk?.Namespace ?? Ports.Namespace, limit: TimeSpan.FromSeconds(60));
    }

    /// <summary>What a command says that a host runs for <see cref="Anna"/>, without the blanks around it; one that does not end with 0 fails the test, with all that it said.</summary>
    public async Task<string> RunAsync(string host, string command)
    {
        var said = await SshAsync(host, command);
        Assert.True(said.Exit == 0, $"{host}: {command}: {said.Exit} {said.Output}{said.Error}");
        return said.Output.Trim();
    }

    public async ValueTask DisposeAsync()
    {
        await Hosts.KillAllAsync();
        await Hosts.DisposeAsync();
        await Ports.DisposeAsync();
        await Volume.DisposeAsync();
    }
}
