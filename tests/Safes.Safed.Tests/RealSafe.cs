using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Safes.Hypervisor;
using Safes.Hypervisor.Vaults;
using Safes.Linux;
using Safes.Network;
using Safes.Roster;
using Safes.Volumes;

namespace Safes.Safed.Tests;

/// <summary>
/// The real `safed` as its own process: real volume, real key, real guardian, its control port with TLS. Only the gateway's VM is stood in
/// for, so that no guest is needed: devices come to the control port from inside the safe's own network.
/// </summary>
internal sealed class RealSafe : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string home = Directory.CreateTempSubdirectory("safes-real-").FullName;
    private readonly SafePaths paths;
    private readonly string outside;
    private Child? safed;

    private RealSafe(SafeConfiguration configuration, string? program)
    {
        paths = new SafePaths(Path.Combine(home, "state"), Path.Combine(home, "run"), configuration.Name);
        outside = Path.GetFileName(home);
        Configuration = configuration with { Volume = Path.Combine(home, "volume") };
        Program = program ?? Path.Combine(AppContext.BaseDirectory, "safed");
        File.SetUnixFileMode(home, (UnixFileMode)0x1ed);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "qemu.py"), Path.Combine(home, "qemu"));
        File.SetUnixFileMode(Path.Combine(home, "qemu"), (UnixFileMode)0x1ed);
        Gateway = new StandInGateway(Path.Combine(home, "gateway.sock"));
    }

    /// <summary>The shortest that a safe can have, for tests in which leases end.</summary>
    public static SafeConfiguration Short { get; } = Long with { LeaseSeconds = 4, ChallengeSeconds = 1, BoundSeconds = 20 };

    public static SafeConfiguration Long => new()
    {
        Name = "ledger",
        Endpoint = "192.0.2.1:51820",
        Volume = "/",
        VolumeBytes = 64 << 20,
        Network = SafeAddresses.Random().Prefix,
        LeaseSeconds = 60,
        ChallengeSeconds = 1,
        BoundSeconds = 60,
    };

    public SafeConfiguration Configuration { get; }

    public StandInGateway Gateway { get; }

    public string Home => home;

    public SafePaths Paths => paths;

    /// <summary>What is run as safed; another build of it may take its place.</summary>
    public string Program { get; set; }

    /// <summary>What safed finds in its environment besides the usual.</summary>
    public Dictionary<string, string> AlsoSet { get; } = [];

    /// <summary>Where all that devices and safed say to each other is kept, as it passes the gateway; null: nowhere.</summary>
    public MemoryStream? Record { get; set; }

    public Laptop Owner { get; private set; } = null!;

    public int Pid => safed!.Pid;

    /// <summary>The process that stands in for the gateway's QEMU.</summary>
    public int GatewayPid => Proc.Naming(Path.Combine(home, "qemu")).Single(pid =>
        ProcessTable.StatFields(pid) is [not "Z", ..] && !Proc.CommandLine(pid).StartsWith("prlimit ", StringComparison.Ordinal));

    public Task<int> Exited => safed!.Exited;

    public string Log => File.ReadAllText(Path.Combine(home, "safed.log"));

    public string GuardianLog => File.ReadAllText(Path.Combine(paths.Run, "guardian.log"));

    private string NetworkPin => $"/proc/{Pid}/root{paths.NetworkPin}";

    /// <summary>Everything that `safed init` makes, safed running, and the owner's claim.</summary>
    public static async Task<RealSafe> StartAsync(SafeConfiguration configuration, string? program = null, bool claimed = true, Action<RealSafe>? before = null)
    {
        NeedRoot();
        var safe = new RealSafe(configuration, program);
        try
        {
            await safe.MakeAsync();
            before?.Invoke(safe);
            await safe.RunAsync();
            if (claimed)
            {
                await safe.Owner.ClaimAsync();
            }

            return safe;
        }
        catch
        {
            await safe.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts `safed run` and waits until it serves its control port.</summary>
    public async Task RunAsync()
    {
        safed?.Dispose();
        File.Delete(paths.LocalSocket);    // which it makes last
        safed = Child.Start(new ChildStart(Program, ["run", .. Roots])
        {
            NetworkNamespace = $"/run/netns/{outside}",
            Environment = Surroundings,
            LogFile = Path.Combine(home, "safed.log"),
            WorkingDirectory = home,
        });
        for (var end = BootClock.Now + Patience; ; await Task.Delay(50))
        {
            if (safed.Exited.IsCompleted || BootClock.Now > end)
            {
                throw new InvalidOperationException($"safed does not serve: {Log}");
            }

            if (File.Exists(paths.LocalSocket))
            {
                await LetInAsync();
                if (await ConnectedAsync() is { } first)
                {
                    await first.DisposeAsync();
                    return;
                }
            }
        }
    }

    public async Task KillAsync()
    {
        safed!.Kill();
        await safed.Exited;
    }

    public void Signal(int signal) => safed!.Signal(signal);

    /// <summary>A connection to the control port, as the gateway's relay makes one for a device.</summary>
    public async Task<Stream> ConnectAsync(CancellationToken stop)
    {
        var socket = Sched.InNetwork(NetworkPin, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        try
        {
            await socket.ConnectAsync(new IPEndPoint(SafeAddresses.Parse(Configuration.Network).ControlHypervisor, SafeAddresses.ControlPort), stop);
            var stream = new NetworkStream(socket, ownsSocket: true);
            return Record is { } record ? new RecordedStream(stream, record) : stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>`safed status` and the like.</summary>
    public Task<ToolOutput> SafedAsync(params string[] arguments) =>
        Tool.TryAsync(Program, [.. arguments, .. Roots], network: $"/run/netns/{outside}", environment: Surroundings);

    /// <summary>Waits until `safed status` says it.</summary>
    public async Task UntilAsync(string word, TimeSpan? limit = null)
    {
        string said = "";
        for (var end = BootClock.Now + (limit ?? Patience); BootClock.Now < end;)
        {
            var status = await SafedAsync("status");
            said = status.Output + status.Error;
            if (said.Contains(word, StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail($"not '{word}' but: {said}\n{Log}");
    }

    /// <summary>Whether the volume is mounted or attached for anybody who is inside.</summary>
    public bool IsAttached => Directory.GetDirectories("/sys/block", "loop*").Any(l => Read($"{l}/loop/backing_file").StartsWith(home, StringComparison.Ordinal));

    /// <summary>Processes, mounts (pins of namespaces are mounts) and loop devices that name its place; empty when there are none.</summary>
    private string Left() => string.Join('\n',
    [
        .. Proc.Naming(home).Select(p => $"{p} {Proc.CommandLine(p)}"),
        .. File.ReadLines("/proc/self/mountinfo").Where(l => l.Contains(home, StringComparison.Ordinal)),
        .. IsAttached ? ["a loop device"] : Array.Empty<string>(),
    ]);

    /// <summary>The owner admits somebody, who joins.</summary>
    public async Task<Laptop> AdmitAsync(string name)
    {
        var laptop = new Laptop(this, name);
        await Owner.AdmitAsync(laptop);
        await laptop.JoinAsync();
        return laptop;
    }

    public async ValueTask DisposeAsync()
    {
        Owner?.Dispose();
        if (safed is not null)
        {
            int? ended = 0;
            if (!safed.Exited.IsCompleted)
            {
                safed.Signal(SignalNumbers.Continue);
                await SafedAsync("seal");
                safed.Signal(SignalNumbers.Terminate);
                ended = await safed.WaitAsync(Patience);
                if (ended is null)
                {
                    safed.KillGroup();
                }
            }

            safed.Dispose();
            var stopped = await SafedAsync("stop");
            Gateway.Dispose();
            await Tool.RunAsync("ip", ["netns", "del", outside]);
            Assert.True(ended == 0, $"safed ended with {ended}:\n{Log}");
            Assert.True(stopped.Exit == 0 && Left() is "", $"left behind: {Left()}{stopped.Output}{stopped.Error}{Log}");
        }

        Directory.Delete(home, recursive: true);
    }

    private string[] Roots => ["--state-root", paths.StateRoot, "--run-root", paths.RunRoot];

    private Dictionary<string, string> Surroundings => new(ChildStart.DefaultEnvironment.Concat(AlsoSet)) { ["SAFES_TOOLS"] = home };

    private async Task MakeAsync()
    {
        await Tool.RunAsync("ip", ["netns", "add", outside]);
        Owner = new Laptop(this, "anna");
        string image = Directory.CreateDirectory(Path.Combine(home, "image")).FullName;
        foreach (string name in (string[])["vmlinuz", "initrd.img"])
        {
            await File.WriteAllTextAsync(Path.Combine(image, name), name);
        }

        await File.WriteAllTextAsync(Path.Combine(image, "manifest.json"), JsonSerializer.Serialize(new
        {
            files = new[] { "vmlinuz", "initrd.img" }.ToDictionary(n => n, n => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(image, n))))),
        }));
        string program = Path.Combine(home, "qemu");
        await File.WriteAllTextAsync(Path.Combine(home, "tools.json"), JsonSerializer.Serialize(new
        {
            qemu = program,
            qemuImg = program,
            virtiofsd = new[] { program },
            kernel = "",
            modules = "",
            busybox = "",
            accelerator = "tcg",
        }));
        Directory.CreateDirectory(paths.StateRoot, (UnixFileMode)0x1c0);
        Directory.CreateDirectory(paths.Run, (UnixFileMode)0x1c0);
        using var vault = Vault.Create(paths.State, Configuration, Owner.Keys.CreateId());
        Owner.Address = vault.AddressFor(Owner.Keys.Device);
        var volume = await new FscryptVolume(Configuration.Volume, paths.MountPoint).CreateAsync(Configuration.VolumeBytes);
        new Premises { VolumeId = volume.FileSystem, GatewayImage = image }.Write(paths);
    }

    // The rules let in what comes over the link from the gateway; here it comes from beside it.
    private Task LetInAsync() => Tool.RunAsync("nft", ["-f", "-"], """
        insert rule inet control input iifname lo accept
        insert rule inet control output oifname lo accept
        """, NetworkPin).ContinueWith(_ => Tool.RunAsync("ip", ["link", "set", "lo", "up"], network: NetworkPin), TaskScheduler.Default).Unwrap();

    private async Task<Stream?> ConnectedAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            return await ConnectAsync(limit.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static void NeedRoot()
    {
        bool root = Unistd.EffectiveUser == 0;
        Assert.False(!root && Environment.GetEnvironmentVariable("CI") == "true", "needs root");
        Assert.SkipUnless(root, "needs root: loop devices, mounts, keys, namespaces");
    }
}
