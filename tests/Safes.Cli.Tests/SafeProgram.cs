using System.IO.Pipes;
using System.Text;
using Safes.Linux;

namespace Safes.Cli.Tests;

/// <summary>The program as it is built, on a device of its own: a home directory and, where it is needed, a network namespace.</summary>
internal sealed class SafeProgram : IDisposable
{
    private readonly DirectoryInfo home = Directory.CreateTempSubdirectory("safe-cli-");

    public SafeProgram() => Environment = new Dictionary<string, string>(ChildStart.DefaultEnvironment)
    {
        ["HOME"] = home.FullName,
        ["XDG_CONFIG_HOME"] = At(".config"),
        ["TZ"] = "UTC",
        ["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..")),
    };

    /// <summary>SAFE_PROGRAM names another build of it, such as the published one.</summary>
    public static string Program { get; } = System.Environment.GetEnvironmentVariable("SAFE_PROGRAM") ?? Built();

    public Dictionary<string, string> Environment { get; }

    public string? Network { get; init; }

    /// <summary>A hosts file of its own, in place of the computer's, in a mount namespace of its own.</summary>
    public string? HostsFile { get; set; }

    public string At(string file) => Path.Combine(home.FullName, file);

    public async Task<ToolOutput> RunAsync(IReadOnlyList<string> arguments, string? password = null)
    {
        using var feed = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None);
        string log = At($"out-{Guid.NewGuid():n}"), errors = log + ".err";
        using var output = Fcntl.Open(log, Fcntl.ReadWrite | Fcntl.Create);
        using var error = Fcntl.Open(errors, Fcntl.ReadWrite | Fcntl.Create);
        string[] line = [Program, .. arguments, .. password is null ? (string[])[] : ["--password-fd", "3"]];
        using var child = Child.Start((HostsFile is null ? new ChildStart(line[0], line[1..])
            : new ChildStart("unshare", ["--mount", "--propagation", "private", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\"", HostsFile, .. line])) with
        {
            Environment = Environment,
            NetworkNamespace = Network,
            Output = output,
            Error = error,
            Descriptors = [feed.ClientSafePipeHandle],
        });
        feed.DisposeLocalCopyOfClientHandle();
        if (password is not null)
        {
            try
            {
                await feed.WriteAsync(Encoding.UTF8.GetBytes(password + "\n"));
            }
            catch (IOException)
            {
                // It ended before it asked.
            }
        }

        await feed.DisposeAsync();
        if (await child.WaitAsync(TimeSpan.FromSeconds(60)) is not { } exit)
        {
            child.KillGroup();
            throw new TimeoutException($"safe {string.Join(' ', arguments)}: {await File.ReadAllTextAsync(log)}{await File.ReadAllTextAsync(errors)}");
        }

        return new ToolOutput(exit, await File.ReadAllTextAsync(log), await File.ReadAllTextAsync(errors));
    }

    // Where it was built itself: beside the tests lie libraries of the tests' own framework.
    private static string Built()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        string configuration = folder.Parent!.Name;
        while (!File.Exists(Path.Combine(folder.FullName, "Safes.slnx")))
        {
            folder = folder.Parent!;
        }

        return Path.Combine(folder.FullName, "src", "client", "Safes.Cli", "bin", configuration, "net10.0", "safe");
    }

    public void Dispose() => home.Delete(recursive: true);
}
