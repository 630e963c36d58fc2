using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>poll.h.</summary>
public static partial class Poll
{
    private const short Input = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static unsafe partial int NativePoll(Entry* entries, nuint count, int milliseconds);

    /// <summary>
    /// Waits until one of the descriptors can be read or has ended, a signal comes or the limit passes; says which are ready. At most 64.
    /// The limit is measured by a clock that stands still while the machine sleeps.
    /// </summary>
    public static unsafe bool[] Wait(IReadOnlyList<SafeHandle> handles, TimeSpan limit)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(handles.Count, 64);
        Entry* entries = stackalloc Entry[handles.Count + 1];
        for (int i = 0; i < handles.Count; i++)
        {
            entries[i] = new Entry { Fd = (int)handles[i].DangerousGetHandle(), Events = Input };
        }

        // SAFETY: as many entries as are named; the caller keeps the handles open.
        int ready = NativePoll(entries, (nuint)handles.Count, (int)Math.Clamp(Math.Ceiling(limit.TotalMilliseconds), 0, int.MaxValue));
        if (ready < 0 && Marshal.GetLastPInvokeError() != Errno.Interrupted)
        {
            LinuxException.Check(ready, "poll");
        }

        bool[] result = new bool[handles.Count];
        for (int i = 0; ready > 0 && i < result.Length; i++)
        {
            result[i] = entries[i].Returned != 0;
        }

        return result;
    }
}
