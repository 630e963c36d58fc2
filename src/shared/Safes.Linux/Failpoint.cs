using System.Diagnostics;

namespace Safes.Linux;

/// <summary>
/// A named step at which a test may kill or stop this process, as a crash or a hang there would. A release contains neither a call of it nor a
/// name: without <see cref="Symbol"/> the compiler leaves them out, and only debug builds have it.
/// </summary>
public static class Failpoint
{
    public const string Symbol = "FAILPOINTS";

    /// <summary>The environment variable that names a file: its one line is "STEP: kill" or "STEP: stop", and it is used once.</summary>
    public const string Variable = "SAFES_FAILPOINT";

    [Conditional(Symbol)]
    public static void Reach(string step)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } file && File.Exists(file) && File.ReadAllText(file) is var wish
            && (wish == $"{step}: kill" || wish == $"{step}: stop"))
        {
            File.Delete(file);
            using var self = PidFd.Open(Environment.ProcessId);
            self!.Signal(wish.EndsWith("kill", StringComparison.Ordinal) ? SignalNumbers.Kill : SignalNumbers.Stop);
        }
    }
}
