using System.Globalization;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>A process of a virtual machine, a child or an adopted one. Named by number and start time, held by descriptor.</summary>
internal sealed class RunningProcess : IDisposable
{
    private RunningProcess(PidFd handle, ulong startTime, Task ended)
    {
        Handle = handle;
        StartTime = startTime;
        Ended = ended;
    }

    public PidFd Handle { get; }

    public int Pid => Handle.Pid;

    /// <summary>In clock ticks since boot, as the kernel says in /proc/PID/stat.</summary>
    public ulong StartTime { get; }

    public Task Ended { get; }

    public static RunningProcess Of(Child child) => new(child.PidFd, ProcessStart.Find(child.Pid)?.Start ?? 0, child.Exited);

    /// <summary>One that somebody else has started for us, and holds for us by this descriptor.</summary>
    public static RunningProcess Of(PidFd process) => new(
        process, ProcessStart.Find(process.Pid)?.Start ?? 0, Background.Run(() => process.WaitForEnd(TimeSpan.FromDays(10_000))));

    /// <summary>Null unless the very process still runs.</summary>
    public static RunningProcess? Adopt(int pid, ulong startTime)
    {
        if (pid <= 0 || PidFd.Open(pid) is not { } handle)
        {
            return null;
        }

        // Looked at after the descriptor was taken: from here on the number cannot come to mean another process.
        if (ProcessStart.Find(pid)?.Start != startTime || handle.WaitForEnd(TimeSpan.Zero))
        {
            handle.Dispose();
            return null;
        }

        return new RunningProcess(handle, startTime, Background.Run(() => handle.WaitForEnd(TimeSpan.FromDays(10_000))));
    }

    /// <summary>The processes that it started and that still run.</summary>
    public IReadOnlyList<PidFd> Children() =>
    [
        .. ProcessTable.All().Where(IsChild).Select(PidFd.Open).OfType<PidFd>().Where(child => IsChild(child.Pid)),
    ];

    /// <summary>True when the kernel has it stopped or waiting for a device: then it is what hangs.</summary>
    public static bool StandsStill(int pid) => ProcessTable.StatFields(pid) is [var state, ..] && state is "D" or "T" or "t";

    public void Dispose() => Handle.Dispose();

    private bool IsChild(int pid) => ProcessTable.ParentOf(pid) == Pid;
}
