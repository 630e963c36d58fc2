using System.IO.Pipes;
using System.Text;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>A member with a device of their own: a home directory, and a network namespace (or somebody else's, where the device is then).</summary>
internal sealed class Person(World world, Options options, string name, string password, string? at = null)
{
    public string Name => name;

    public string Network => World.Pin(World.DeviceOf(at ?? name));

    public string Home { get; } = Directory.CreateDirectory(
        Path.Combine(world.Home, name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;

    /// <summary>As `safe ssh-config --install` leaves a person's own, who has set all that could be in the way.</summary>
    public string SshConfiguration { get; } = MakeSshConfiguration(Path.Combine(world.Home, name));

    public string At(string file) => Path.Combine(Home, file);

    private static string MakeSshConfiguration(string home)
    {
        string path = Path.Combine(home, "ssh_config");
        File.WriteAllText(path, $"Include \"{Path.Combine(home, ".config", "safes", "ssh_config")}\"\n\n{HostileSsh.Configuration}");
        return path;
    }

    private Dictionary<string, string> Environment => new(ChildStart.DefaultEnvironment)
    {
        ["HOME"] = Home,
        ["XDG_CONFIG_HOME"] = Path.Combine(Home, ".config"),
    };

    /// <summary>Runs `safe` on this device; with a password when <paramref name="secret"/> says so (by a pipe, never by argument).</summary>
    public async Task<ToolOutput> SafeAsync(IReadOnlyList<string> arguments, bool secret = false, string? other = null, TimeSpan? limit = null)
    {
        using var feed = secret ? new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None) : null;
        string log = At($"out-{Guid.NewGuid():N}"), errors = log + ".err";
        using (var output = Fcntl.Open(log, Fcntl.ReadWrite | Fcntl.Create))
        using (var error = Fcntl.Open(errors, Fcntl.ReadWrite | Fcntl.Create))
        {
            using var child = Child.Start(new ChildStart(options.Safe, secret ? [.. arguments, "--password-fd", "3"] : arguments)
            {
                NetworkNamespace = Network,
                Environment = Environment,
                Output = output,
                Error = error,
                Descriptors = feed is null ? [] : [feed.ClientSafePipeHandle],
            });
            if (feed is not null)
            {
                feed.DisposeLocalCopyOfClientHandle();
                try
                {
                    await feed.WriteAsync(Encoding.UTF8.GetBytes((other ?? password) + "\n"));
                }
                catch (IOException)
                {
                    // It ended before it wanted a password; its exit status tells.
                }

                feed.Dispose();
            }

            int? exit = await child.WaitAsync(limit ?? TimeSpan.FromMinutes(4));
            if (exit is null)
            {
                child.KillGroup();
            }

            var result = new ToolOutput(exit ?? -1, await File.ReadAllTextAsync(log), await File.ReadAllTextAsync(errors));
            File.Delete(log);
            File.Delete(errors);
            return result;
        }
    }

    /// <summary>The same, shown to the audience; stops the story when it fails.</summary>
    public async Task<string> DoAsync(IReadOnlyList<string> arguments, bool secret = false, TimeSpan? limit = null)
    {
        var result = await SafeAsync(arguments, secret, limit: limit);
        Stage.Show(name, "safe " + string.Join(' ', arguments.Where(a => a != "--yes")), result.Output + result.Error);
        return result.Exit == 0 ? result.Output : throw new InvalidOperationException($"safe {arguments[0]} ended with {result.Exit}: {result.Error}");
    }

    /// <summary>`safe id`: writes NAME.safeid into their home.</summary>
    public Task<string> IdAsync(string device) => DoAsync(["id", "--name", name, "--device", device, "--out", At($"{name}.safeid")]);

    /// <summary>Plain OpenSSH, as the member would use it.</summary>
    public Task<ToolOutput> SshAsync(string host, string command, string? input = null, TimeSpan? limit = null) =>
        Tool.TryAsync("ssh", ["-F", SshConfiguration, "-o", "ConnectTimeout=20", host, command], input, Network, limit ?? TimeSpan.FromMinutes(6), Environment);

    public async Task<string> WorkAsync(string host, string command, TimeSpan? limit = null)
    {
        var result = await SshAsync(host, command, limit: limit);
        return result.Exit == 0 ? result.Output.Trim() : throw new InvalidOperationException($"ssh {host} '{command}' ended with {result.Exit}: {result.Output}{result.Error}");
    }

    public async Task<string> SftpAsync(string host, string batch)
    {
        var result = await Tool.TryAsync("sftp", ["-F", SshConfiguration, "-b", "-", host], batch, Network, TimeSpan.FromMinutes(3), Environment);
        return result.Exit == 0 ? result.Output : throw new InvalidOperationException($"sftp {host} ended with {result.Exit}: {result.Output}{result.Error}");
    }

    /// <summary>An SSH session that stays: lines go in, and what the other side answers comes out.</summary>
    public StandingSession Stay(string host) => StandingSession.Start(host, SshConfiguration, Network, Environment);

    /// <summary>`safe` as a program that stays; whoever began it ends it.</summary>
    public Child Begin(IReadOnlyList<string> arguments) => Child.Start(new ChildStart(options.Safe, arguments) { NetworkNamespace = Network, Environment = Environment });

    /// <summary>Whether this device reaches a TCP port within a moment.</summary>
    public async Task<bool> ReachesSoonAsync(string address, int port) =>
        (await Tool.TryAsync("timeout", ["8", "bash", "-c", $"exec 3<>/dev/tcp/{address}/{port}"], network: Network, limit: TimeSpan.FromSeconds(30), environment: Environment)).Exit == 0;

    /// <summary>Whether this device reaches a TCP port.</summary>
    public async Task<bool> ReachesAsync(string address, int port) =>
        (await Tool.TryAsync("bash", ["-c", $"exec 3<>/dev/tcp/{address}/{port}"], network: Network, limit: TimeSpan.FromSeconds(60),
            environment: Environment) is { Exit: 0 });
}
