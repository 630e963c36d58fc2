using System.Globalization;

namespace Safes.Linux;

/// <summary>A process as others can be told of it: its number alone may come to mean another one.</summary>
/// <param name="Start">In clock ticks since boot, as the kernel says in /proc/PID/stat.</param>
public readonly record struct ProcessStart(int Pid, ulong Start)
{
    public static ProcessStart Current => Find(Environment.ProcessId) ?? throw new IOException("/proc does not show this process");

    /// <summary>Null when there is none of that number.</summary>
    public static ProcessStart? Find(int pid) =>
        ProcessTable.StatFields(pid) is { Length: > 19 } f
            && ulong.TryParse(f[19], NumberStyles.None, CultureInfo.InvariantCulture, out ulong start)
            ? new ProcessStart(pid, start) : null;

    /// <summary>The very process, held so that its number stays its own; null when it has ended.</summary>
    public PidFd? Open()
    {
        var process = PidFd.Open(Pid);
        if (process is null || Find(Pid) == this)
        {
            return process;
        }

        process.Dispose();
        return null;
    }
}
