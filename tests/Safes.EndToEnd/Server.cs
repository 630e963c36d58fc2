using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>The supplier's machine: runs `safed` in its namespace and looks at what is left when the safe is closed.</summary>
internal sealed class Server(World world, Options options) : IDisposable
{
    private Child? safed;
    private string? key;

    public string State => Path.Combine(world.StateRoot, "ledger");

    private string[] Roots => ["--state-root", world.StateRoot, "--run-root", world.RunRoot];

    private Dictionary<string, string> Environment => new(ChildStart.DefaultEnvironment)
    {
        ["SAFES_TOOLS"] = options.Tools,
        ["HOME"] = "/root",
    };

    public async Task<ToolOutput> SafedAsync(IReadOnlyList<string> arguments, TimeSpan? limit = null) =>
        await Tool.TryAsync(options.Safed, [.. arguments, .. Roots], network: World.Pin(World.Server), limit: limit ?? TimeSpan.FromMinutes(3), environment: Environment);

    public async Task<string> DoAsync(IReadOnlyList<string> arguments, TimeSpan? limit = null)
    {
        var result = await SafedAsync(arguments, limit);
        Stage.Show("supplier", "safed " + string.Join(' ', arguments.Select(Short)), result.Output + result.Error);
        return result.Exit == 0 ? result.Output : throw new InvalidOperationException($"safed {arguments[0]} ended with {result.Exit}");
    }

    /// <summary>`safed init`: a safe for one owner, whose id lies in their home already; its address goes there.</summary>
    public Task<string> InitAsync(Person owner, string size = "14G", params string[] more) => DoAsync(
        ["init", "ledger", "--owner", owner.At($"{owner.Name}.safeid"), "--size", size, "--endpoint", $"{World.ServerAddress}:{World.Port}", "--volume", world.Volume,
            "--gateway-image", options.GatewayImage, "--image", options.WorkspaceImage, "--address", owner.At("ledger.safeaddress"), .. more]);

    /// <summary>Starts `safed run` and waits until it answers.</summary>
    public async Task RunAsync()
    {
        safed = Child.Start(new ChildStart(options.Safed, ["run", "ledger", .. Roots])
        {
            NetworkNamespace = World.Pin(World.Server),
            Environment = Environment,
            LogFile = Path.Combine(world.Home, "safed.log"),
        });
        TimeSpan end = BootClock.Now + TimeSpan.FromMinutes(1);
        while ((await SafedAsync(["status", "ledger"])).Exit != 0)
        {
            if (safed.Exited.IsCompleted || BootClock.Now > end)
            {
                throw new InvalidOperationException($"safed does not answer; its log: {await File.ReadAllTextAsync(Path.Combine(world.Home, "safed.log"))}");
            }
        }
    }

    /// <summary>The process whose namespace shows the open volume; 0 when safed does not run.</summary>
    public int Pid => safed is { Exited.IsCompleted: false } s ? s.Pid : 0;

    /// <summary>Whether the kernel holds the volume's key, by the name that it has in /proc/keys, which <see cref="LearnKeyAsync"/> has told.</summary>
    public bool HasKey => File.ReadAllText("/proc/keys").Contains(key ?? throw new InvalidOperationException("the key's name is not known yet"), StringComparison.Ordinal);

    /// <summary>While it is open, asks the volume by which name the kernel has its key.</summary>
    public async Task LearnKeyAsync()
    {
        using var tree = Fcntl.Open(Path.Combine($"/proc/{Pid}/root", await MountPointAsync(), "safe"), Fcntl.ReadOnly);
        byte[] policy = Fscrypt.GetPolicy(tree) ?? throw new InvalidOperationException("the open volume has no key");
        key = Convert.ToHexStringLower(policy.AsSpan(8, 16));
        if (!HasKey)
        {
            throw new InvalidOperationException($"/proc/keys does not name {key} of the open volume");
        }
    }

    /// <summary>Where the open volume is mounted in the namespace of <see cref="Pid"/>, from its root.</summary>
    public async Task<string> MountPointAsync()
    {
        string[] lines = await File.ReadAllLinesAsync($"/proc/{Pid}/mountinfo");
        return lines.Select(l => l.Split(' ')).First(f => f[4].StartsWith(world.RunRoot, StringComparison.Ordinal) && f.Any(w => w.StartsWith("/dev/loop", StringComparison.Ordinal)))[4].TrimStart('/');
    }

    /// <summary>kill -9, as a bug or the kernel's memory killer would.</summary>
    public async Task KillAsync()
    {
        safed!.Kill();
        await safed.Exited;
        safed.Dispose();
    }

    /// <summary>The number of a process that `safed status` names after <paramref name="what"/>; 0 when there is none.</summary>
    public async Task<int> PidOfAsync(string what)
    {
        var result = await SafedAsync(["status", "ledger"]);
        string line = result.Output.Split('\n').FirstOrDefault(l => l.Trim().StartsWith(what, StringComparison.Ordinal)) ?? "";
        return int.TryParse(line.Split("pid ").Last().Trim().Split([' ', ',', ')'])[0], out int pid) ? pid : 0;
    }

    /// <summary>Waits until `safed status` says <paramref name="word"/>; how long it took, or null after <paramref name="limit"/>.</summary>
    public async Task<TimeSpan?> UntilAsync(string word, TimeSpan limit)
    {
        TimeSpan begin = BootClock.Now;
        while (BootClock.Now - begin < limit)
        {
            if ((await SafedAsync(["status", "ledger"])).Output.Contains(word, StringComparison.Ordinal))
            {
                return BootClock.Now - begin;
            }

            await Task.Delay(250);
        }

        return null;
    }

    /// <summary>Ends safed and what it keeps running (the gateway).</summary>
    public async Task StopAsync()
    {
        if (safed is null)
        {
            return;
        }

        safed.Signal(SignalNumbers.Terminate);
        if (await safed.WaitAsync(TimeSpan.FromSeconds(30)) is null)
        {
            safed.KillGroup();
        }
    }

    private string Short(string argument) => argument.Replace(world.Home + "/", "", StringComparison.Ordinal);

    public void Dispose() => safed?.Dispose();
}
