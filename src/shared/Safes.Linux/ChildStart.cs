using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>How a child process is to be started. No shell, no inherited descriptors, no inherited environment.</summary>
public sealed record ChildStart(string Program, IReadOnlyList<string> Arguments)
{
    /// <summary>The child's whole environment; by default PATH and LANG alone.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = DefaultEnvironment;

    /// <summary>Become descriptors 3, 4, .. in the child. They stay open here.</summary>
    public IReadOnlyList<SafeHandle> Descriptors { get; init; } = [];

    public SafeHandle? Input { get; init; }

    public SafeHandle? Output { get; init; }

    public SafeHandle? Error { get; init; }

    /// <summary>Standard output and error are appended to this file, unless given as descriptors. Default: /dev/null.</summary>
    public string? LogFile { get; init; }

    /// <summary>The pin of the network namespace to start in; null: this process's own.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>Done by the thread that starts the child, in a mount namespace of their own: what the child is to see. Null: it sees what we see.</summary>
    public Action? View { get; init; }

    /// <summary>Where the child starts; it needs no right to walk there. Null: this process's own.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Installs the filter against huge pages (and no_new_privs).</summary>
    public bool NoHugePages { get; init; }

    /// <summary>It holds what must not get onto a disk: neither it nor, from then on, this process leaves a core.</summary>
    public bool NoCore { get; init; }

    /// <summary>Nothing of ours is handed down but where the runtime lies: a build from the source tree starts itself with one that may lie anywhere.</summary>
    public static IReadOnlyDictionary<string, string> DefaultEnvironment { get; } = EnvironmentWith(System.Environment.GetEnvironmentVariable("DOTNET_ROOT"));

    internal static Dictionary<string, string> EnvironmentWith(string? runtime)
    {
        var environment = new Dictionary<string, string>
        {
            ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["LANG"] = "C.UTF-8",
        };
        if (runtime is { Length: > 0 })
        {
            environment["DOTNET_ROOT"] = runtime;
        }

        return environment;
    }
}
