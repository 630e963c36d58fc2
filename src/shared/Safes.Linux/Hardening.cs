using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>What a process that holds secrets does first: no core dump, no ptrace by the same user.</summary>
public static partial class Hardening
{
    private const int SetDumpable = 4, LimitCore = 4;

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int NativePrctl(int option, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static unsafe partial int NativeSetrlimit(int resource, ulong* limits);

    public static unsafe void Apply()
    {
        ulong* none = stackalloc ulong[2];
        none[0] = none[1] = 0;
        // SAFETY: struct rlimit is two 64-bit numbers.
        LinuxException.Check(NativeSetrlimit(LimitCore, none), "setrlimit", "RLIMIT_CORE");
        LinuxException.Check(NativePrctl(SetDumpable, 0, 0, 0, 0), "prctl", "PR_SET_DUMPABLE");
    }

    /// <summary>
    /// .NET opens its diagnostic socket before Main, so a process that must not have one starts itself again with it disabled and
    /// every other DOTNET_ variable dropped. Returns when that has been done.
    /// </summary>
    public static void WithoutDiagnostics(IReadOnlyList<string> arguments)
    {
        const string Disabled = "DOTNET_EnableDiagnostics";
        if (Environment.GetEnvironmentVariable(Disabled) == "0")
        {
            return;
        }

        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? ""))
            .Where(e => !e.Key.StartsWith("DOTNET_", StringComparison.Ordinal) || e.Key is "DOTNET_ROOT")
            .Append(KeyValuePair.Create(Disabled, "0"));
        Unistd.Execve(Environment.ProcessPath!, arguments, environment);
    }
}
