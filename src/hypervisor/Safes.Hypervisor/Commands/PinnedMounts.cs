using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Hypervisor.Commands;

/// <summary>
/// The pinned mount namespace of a safe: made once, entered by every safed of it, left by nobody. The volume is mounted there alone, so
/// no other namespace ever clones the mount and keeps the key.
/// </summary>
public static class PinnedMounts
{
    /// <summary>Set in a process that is inside.</summary>
    public const string Variable = "SAFES_INSIDE";

    /// <summary>Goes on inside: this process starts itself again there, and returns when it has.</summary>
    /// <param name="arguments">This program's own, without its name.</param>
    public static async Task EnterAsync(SafePaths paths, IReadOnlyList<string> arguments)
    {
        if (!IsInside(paths))
        {
            await MakeAsync(paths).ConfigureAwait(false);
            Unistd.Execve(Find("nsenter"), ["nsenter", .. Arguments(paths, arguments)], Inheritance(paths));
        }
    }

    public static bool IsInside(SafePaths paths) => Environment.GetEnvironmentVariable(Variable) == paths.MountPin;

    /// <summary>Runs this program inside and waits; for commands that may have to take the namespace away afterwards.</summary>
    public static async Task<int> RunAsync(SafePaths paths, IReadOnlyList<string> arguments, CancellationToken stop)
    {
        await MakeAsync(paths).ConfigureAwait(false);
        using var input = new SafeFileHandle(0, ownsHandle: false);
        using var output = new SafeFileHandle(1, ownsHandle: false);
        using var error = new SafeFileHandle(2, ownsHandle: false);
        using var child = Child.Start(new ChildStart("nsenter", Arguments(paths, arguments))
        {
            Input = input,
            Output = output,
            Error = error,
            Environment = new Dictionary<string, string>(Inheritance(paths)),
        });
        await using var asked = stop.Register(() => child.Signal(SignalNumbers.Terminate));
        return await child.Exited.ConfigureAwait(false);
    }

    private static IReadOnlyList<string> Arguments(SafePaths paths, IReadOnlyList<string> own) =>
        [$"--mount={paths.MountPin}", $"--wdns={Environment.CurrentDirectory}", "--", Environment.ProcessPath!, .. own];

    private static IEnumerable<KeyValuePair<string, string>> Inheritance(SafePaths paths) =>
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? ""))
            .Where(e => e.Key != Variable && (e.Key == "DOTNET_ROOT" || !e.Key.StartsWith("DOTNET_", StringComparison.Ordinal)))
            .Append(KeyValuePair.Create(Variable, paths.MountPin))
            .Append(KeyValuePair.Create("DOTNET_EnableDiagnostics", "0"))     // no debugger's socket, and nothing that asks for dumps
            .Append(KeyValuePair.Create("DOTNET_GCgen0size", "200000"));      // 2 MiB, not what the processor's cache has: garbage is memory, too

    /// <summary>Whether a mount namespace is pinned.</summary>
    public static bool Exists(SafePaths paths) => MountsAt(paths.MountPin) > 0;

    /// <summary>Takes the pins away, also while somebody looks at one (another safe looks at all there are, to see who has a volume). The namespace ends
    /// with its last process.</summary>
    /// <exception cref="ToolException">One could not be taken away.</exception>
    public static async Task RemoveAsync(SafePaths paths)
    {
        foreach (string pin in (string[])[paths.MountPin, paths.EmptyPin, paths.NetworkPin, paths.Namespaces])
        {
            for (int i = MountsAt(pin); i > 0; i--)
            {
                await Tool.RunAsync("umount", ["--lazy", pin]).ConfigureAwait(false);
            }
        }
    }

    private static async Task MakeAsync(SafePaths paths)
    {
        Directory.CreateDirectory(paths.RunRoot);
        Directory.CreateDirectory(paths.Run, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(paths.Namespaces);
        if (MountsAt(paths.Namespaces) == 0)
        {
            // A namespace can be pinned only on a mount that is not propagated into the namespace itself.
            await Tool.RunAsync("mount", ["--bind", paths.Namespaces, paths.Namespaces]).ConfigureAwait(false);
            await Tool.RunAsync("mount", ["--make-private", paths.Namespaces]).ConfigureAwait(false);
        }

        if (!Exists(paths))
        {
            await File.WriteAllBytesAsync(paths.MountPin, []).ConfigureAwait(false);
            try
            {
                await MountPin.MakeAsync(paths.MountPin, "slave").ConfigureAwait(false);
            }
            catch (ToolException e)
            {
                throw new FaultException(FaultCodes.NoNamespaces, ("detail", e.Message));
            }
        }
    }

    private static int MountsAt(string path) =>
        File.ReadLines("/proc/self/mountinfo").Count(line => line.Split(' ') is [_, _, _, _, var at, ..] && at == path.Replace(" ", "\\040", StringComparison.Ordinal));

    private static string Find(string program) =>
        ChildStart.DefaultEnvironment["PATH"].Split(':').Select(d => Path.Combine(d, program)).FirstOrDefault(File.Exists)
        ?? throw new FaultException(FaultCodes.ToolMissing, ("tool", program));
}
