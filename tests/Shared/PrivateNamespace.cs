using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using Safes.Linux;

[assembly: SupportedOSPlatform("linux")]
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace Safes.Tests;

/// <summary>
/// A namespace that anybody makes while a test's volume is mounted would get a copy of the mount and keep the volume busy. So the whole test
/// program moves to a mount namespace of its own first, as the daemon does.
/// </summary>
internal static class PrivateNamespace
{
    private const string Inside = "SAFES_TEST_NAMESPACE";

    [ModuleInitializer]
    internal static void Enter()
    {
        if (Unistd.EffectiveUser != 0 || Environment.GetEnvironmentVariable(Inside) is not null)
        {
            return;
        }

        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? "")).Append(KeyValuePair.Create(Inside, "1"));
        string[] command = File.ReadAllText("/proc/self/cmdline").TrimEnd('\0').Split('\0');
        Unistd.Execve("/usr/bin/unshare", ["unshare", "--mount", "--propagation", "slave", "--", Environment.ProcessPath!, .. command[1..]], environment);
    }
}
