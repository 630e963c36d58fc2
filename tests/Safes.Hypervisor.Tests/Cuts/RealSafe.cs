using System.Net.Sockets;
using System.Security.Cryptography;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Linux;
using Safes.Network;
using Safes.Roster;
using Safes.Tests;
using Safes.Volumes;

namespace Safes.Hypervisor.Tests.Cuts;

/// <summary>
/// The real `safed` with a real volume, key, guardian and network; only the gateway's virtual machine is stood in for. It is killed or stopped
/// where a test says, and looked at from outside.
/// </summary>
internal sealed class RealSafe : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly List<string> options;
    private readonly string place;
    private Child? safed;

    private RealSafe(string place, IEnumerable<string> options) => (this.place, this.options) = (place, [.. options]);

    public Person Anna { get; } = new("anna");

    public SafePaths Paths => new(Path.Combine(place, "state"), Path.Combine(place, "run"), "ledger");

    public string VolumeFile => Path.Combine(place, "ledger.volume");

    public int Pid => safed!.Pid;

    public Task<int> Ended => safed!.Exited;

    public string Log => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "no log";

    public AddressFile Address => AddressFile.Parse(File.ReadAllText(Path.Combine(place, "ledger.safeaddress")));

    /// <summary>What the kernel says, in every mount namespace.</summary>
    public VolumeFacts Facts => new FscryptVolume(VolumeFile, Paths.MountPoint).Observe();

    private string LogFile => Path.Combine(place, "safed.log");

    private string Outside => Path.Combine(place, "outside");

    private string Failpoint => Path.Combine(place, "failpoint");

    private static string Program => Path.Combine(AppContext.BaseDirectory, "safed");

    /// <summary>The network namespace of the safe, by way of the mount namespace in which alone its pin is seen.</summary>
    private string Network => $"/proc/{Pid}/root{Paths.NetworkPin}";

    private string[] Roots => ["--state-root", Paths.StateRoot, "--run-root", Paths.RunRoot];

    public static async Task<RealSafe> MakeAsync(params IEnumerable<string> options)
    {
        Safes.Volumes.Tests.TestVolume.NeedRoot();
        string place = Directory.CreateTempSubdirectory("safes-cut-").FullName;
        File.SetUnixFileMode(place, (UnixFileMode)0b111_101_101);
        var safe = new RealSafe(place, options);
        await safe.PrepareAsync();
        return safe;
    }

    /// <summary>One that is initialised, and runs.</summary>
    public static async Task<RealSafe> RunningAsync(params IEnumerable<string> options)
    {
        var safe = await MakeAsync(options);
        try
        {
            var init = await safe.InitAsync();
            Assert.True(init.Exit == 0, init.Output + init.Error);
            await safe.StartAsync();
            return safe;
        }
        catch
        {
            await safe.DisposeAsync();
            throw;
        }
    }

    /// <summary>At the next time that it comes to this step, it is killed or stopped there.</summary>
    public void Arm(string step, bool stop = false) => File.WriteAllText(Failpoint, $"{step}: {(stop ? "stop" : "kill")}");

    public bool IsArmed => File.Exists(Failpoint);

    public Task<ToolOutput> InitAsync() => SafedAsync(
        ["init", "ledger", "--owner", Path.Combine(place, "anna.safeid"), "--size", "64M", "--endpoint", "192.0.2.2:51820", "--volume", VolumeFile,
            "--gateway-image", Path.Combine(place, "gateway"), "--image", Path.Combine(place, "image"), "--address", Path.Combine(place, "ledger.safeaddress"), .. options]);

    public Task<ToolOutput> SafedAsync(IReadOnlyList<string> arguments) =>
        Tool.TryAsync(Program, [.. arguments, .. Roots], network: Outside, limit: TimeSpan.FromMinutes(2), environment: Environment);

    /// <summary>The team's file was written, so it has to be there.</summary>
    public bool HasWritten { get; set; }

    public int Guardians => Processes().Count(p => p.Line.EndsWith("safed guard", StringComparison.Ordinal));

    /// <summary>Starts it and waits until it answers.</summary>
    /// <param name="mayDie">It may end on the way: a step is armed that it comes to by itself.</param>
    public async Task StartAsync(bool mayDie = false)
    {
        safed = Child.Start(new ChildStart(Program, ["run", "ledger", .. Roots]) { NetworkNamespace = Outside, Environment = Environment, LogFile = LogFile });
        for (var end = BootClock.Now + StartLimit; !await AnswersAsync(); await Task.Delay(20))
        {
            if (mayDie && safed.Exited.IsCompleted)
            {
                return;
            }

            Assert.False(safed.Exited.IsCompleted, $"safed ended: {Log}");
            Assert.True(BootClock.Now < end, $"safed does not answer: {Log}");
        }

        if (mayDie)
        {
            return;
        }

        // The test's way in is past the gateway; the rules are made anew at each start.
        await Tool.RunAsync("ip", ["link", "set", "lo", "up"], network: Network);
        await Tool.RunAsync("nft", ["-f", "-"], "insert rule inet control input iifname lo accept\ninsert rule inet control output oifname lo accept\n", network: Network);
    }

    /// <summary>A connection to its control port.</summary>
    public async ValueTask<Stream> ConnectAsync(CancellationToken stop)
    {
        var socket = Sched.InNetwork(Network, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        await socket.ConnectAsync(SafeAddresses.Parse(Address.Network.ToString()).ControlHypervisor, SafeAddresses.ControlPort, stop);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public async Task KillAsync()
    {
        safed!.Kill();
        await safed.Exited;
        safed.Dispose();
    }

    /// <summary>Waits until it is dead, by the step that was armed.</summary>
    public async Task DiedAsync(string step)
    {
        await safed!.Exited.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken).ContinueWith(t => t, TaskScheduler.Default);
        Assert.True(safed.Exited.IsCompleted && !IsArmed, $"it never came to '{step}': {Log}");
        safed.Dispose();
    }

    /// <summary>Waits until a process stands still.</summary>
    public async Task StoppedAsync(string step)
    {
        for (var end = BootClock.Now + TimeSpan.FromSeconds(60); !StandsStill(Pid); await Task.Delay(20))
        {
            Assert.True(BootClock.Now < end && !safed!.Exited.IsCompleted, $"it never came to '{step}': {Log}");
        }
    }

    /// <summary>Waits until the kernel says that the volume is closed; false after the limit.</summary>
    public async Task<bool> IsClosedWithinAsync(TimeSpan limit)
    {
        for (var end = BootClock.Now + limit; !Facts.IsClosed; await Task.Delay(50))
        {
            if (BootClock.Now > end)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Everything of it that is left anywhere: processes, mounts, loop devices, namespaces. The kernel takes a namespace apart a moment after its last user.</summary>
    public async Task<IReadOnlyList<string>> LeftAsync()
    {
        for (var end = BootClock.Now + TimeSpan.FromSeconds(10); await FindLeftAsync() is not []; await Task.Delay(50))
        {
            if (BootClock.Now > end)
            {
                break;
            }
        }

        return await FindLeftAsync();
    }

    private async Task<IReadOnlyList<string>> FindLeftAsync()
    {
        var facts = Facts;
        string outside = await Tool.RunAsync("ip", ["-o", "link", "show"], network: Outside);
        return
        [
            .. Processes().Select(p => p.Line), .. facts.Loops, .. facts.KeyEntries, .. facts.Mounts.Select(m => m.Path),
            .. File.ReadLines("/proc/self/mountinfo").Select(l => l.Split(' ')[4]).Where(p => p.StartsWith(place + "/", StringComparison.Ordinal) && p != Outside),
            .. outside.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(": ")[1]).Where(l => l != "lo"),
        ];
    }

    /// <summary>Ends the daemon and what it keeps running for a closed safe.</summary>
    public async Task<ToolOutput> StopAsync()
    {
        if (safed is { Exited.IsCompleted: false })
        {
            safed.Signal(SignalNumbers.Terminate);
            await safed.Exited;
        }

        return await SafedAsync(["stop", "ledger"]);
    }

    public async ValueTask DisposeAsync()
    {
        TestContext.Current.TestOutputHelper?.WriteLine(Log);    // shown where the test fails
        for (int round = 0; round < 5 && Processes().ToArray() is { Length: > 0 } all; round++)
        {
            foreach (var (pid, _) in all)
            {
                using var process = PidFd.Open(pid);
                process?.Kill();
                process?.WaitForEnd(TimeSpan.FromSeconds(5));
            }
        }

        foreach (string mount in File.ReadLines("/proc/self/mountinfo").Select(l => l.Split(' ')[4]).Where(p => p.StartsWith(place + "/", StringComparison.Ordinal)).Reverse().ToList())
        {
            await Tool.TryAsync("umount", [mount]);
        }

        foreach (string loop in Facts.Loops)
        {
            await Tool.TryAsync("losetup", ["--detach", loop]);
        }

        Anna.Dispose();
        Directory.Delete(place, recursive: true);
    }

    internal static bool StandsStill(int pid) =>
        File.Exists($"/proc/{pid}/stat") && File.ReadAllText($"/proc/{pid}/stat") is var stat && stat[(stat.LastIndexOf(')') + 2)..] is ['T', ..];

    /// <summary>The guardian's process, and others by a word of their command line.</summary>
    public int PidOf(string word) => Processes().FirstOrDefault(p => p.Line.Contains(word, StringComparison.Ordinal)).Pid;

    /// <summary>What names this safe's places, or stands in its mount namespace.</summary>
    private IEnumerable<(int Pid, string Line)> Processes()
    {
        string inside = File.ReadLines("/proc/self/mountinfo").Select(l => l.Split(' ')).FirstOrDefault(f => f[4] == Paths.MountPin)?[3] ?? "none";
        return Proc.All().Where(pid => pid != System.Environment.ProcessId).Select(pid => (Pid: pid, Line: Proc.CommandLine(pid)))
            .Where(p => p.Line.Length > 0 && (p.Line.Contains(place, StringComparison.Ordinal) || new FileInfo($"/proc/{p.Pid}/ns/mnt").LinkTarget == inside));
    }

    private Dictionary<string, string> Environment =>
        new(ChildStart.DefaultEnvironment) { ["SAFES_TOOLS"] = place, [Linux.Failpoint.Variable] = Failpoint, ["HOME"] = "/root" };

    private async Task<bool> AnswersAsync()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Paths.LocalSocket));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private async Task PrepareAsync()
    {
        await NetworkNamespace.EnsureAsync(Outside);
        string standIn = Path.Combine(place, "gateway-stand-in");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Cuts", "gateway-stand-in.py"), standIn);
        File.SetUnixFileMode(standIn, (UnixFileMode)0b111_101_101);
        await File.WriteAllTextAsync(Path.Combine(place, "tools.json"), $$"""
            { "stamp": "", "qemuEnvironment": {}, "qemuArguments": [], "qemu": "{{standIn}}", "qemuImg": "/bin/false", "virtiofsd": ["/bin/false"], "kernel": "", "modules": "", "busybox": "", "accelerator": "tcg" }
            """);
        foreach (string image in (string[])["gateway", "image"])
        {
            string directory = Directory.CreateDirectory(Path.Combine(place, image)).FullName;
            string[] files = image == "gateway" ? ["vmlinuz", "initrd.img"] : [.. Qemu.Bundle.Files];
            string digest = Convert.ToHexStringLower(SHA256.HashData([]));
            foreach (string file in files)
            {
                await File.WriteAllBytesAsync(Path.Combine(directory, file), []);
            }

            await File.WriteAllTextAsync(Path.Combine(directory, "manifest.json"), $$"""
                { "name": "{{image}}", "memory_bytes": 1048576, "cpus": 1, "disk_bytes": 1048576, "qemu_version": "10.0.0", "accelerator": "tcg", "machine": "q35", "cpu": "", "hardware": "",
                  "files": { {{string.Join(", ", files.Select(f => $"\"{f}\": \"{digest}\""))}} } }
                """);
        }

        await File.WriteAllTextAsync(Path.Combine(place, "anna.safeid"), Anna.Keys.CreateId().Write());
    }
}
