using System.Globalization;

namespace Safes.Linux;

/// <summary>What /proc says of processes by their numbers, which may come to mean others: what is done to one goes by its <see cref="PidFd"/>.</summary>
public static class ProcessTable
{
    /// <summary>The numbers of all there are.</summary>
    public static IEnumerable<int> All() => Directory.EnumerateDirectories("/proc")
        .Select(d => int.TryParse(Path.GetFileName(d), NumberStyles.None, CultureInfo.InvariantCulture, out int pid) ? pid : 0).Where(pid => pid > 0);

    private const int Parent = 1, UserTime = 11, SystemTime = 12;

    /// <summary>The kernel tells user space times in hundredths of a second, whatever its own clock is (USER_HZ).</summary>
    private const int TicksPerSecond = 100;

    /// <summary>The time that processors have worked for it so far, for a guest in it too. Null when there is none of that number.</summary>
    public static TimeSpan? ProcessorTime(int pid) =>
        StatFields(pid) is { Length: > SystemTime } f && Number(f[UserTime]) is { } user && Number(f[SystemTime]) is { } system
            ? TimeSpan.FromTicks((user + system) * (TimeSpan.TicksPerSecond / TicksPerSecond)) : null;

    /// <summary>The number of its parent; null when there is none of that number.</summary>
    public static int? ParentOf(int pid) => StatFields(pid) is { Length: > Parent } f ? (int?)Number(f[Parent]) : null;

    /// <summary>Its real user; null when there is none of that number.</summary>
    public static uint? UserOf(int pid) => (uint?)StatusNumber(pid, "Uid");

    /// <summary>In bytes: what it holds in memory that no file is behind, swapped out or not. 0 when there is none of that number.</summary>
    public static long OwnMemory(int pid) => ((StatusNumber(pid, "RssAnon") ?? 0) + (StatusNumber(pid, "VmSwap") ?? 0)) << 10;

    /// <summary>Whether it lives in a network namespace.</summary>
    /// <param name="pin">On which that one is bound. A link there leads nowhere.</param>
    public static bool IsInNetwork(int pid, string pin)
    {
        try
        {
            return Stat.Find($"/proc/{pid}/ns/net", follow: true) is { } own && Stat.Find(pin) is { } bound && bound.Identity == own.Identity;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;    // it ended while we looked
        }
    }

    /// <summary>The fields of /proc/PID/stat from the state on: the name before it may contain anything. Empty when there is none of that number.</summary>
    public static string[] StatFields(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static long? Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    /// <summary>The first number in a line of /proc/PID/status.</summary>
    private static long? StatusNumber(int pid, string name)
    {
        try
        {
            return File.ReadLines($"/proc/{pid}/status").FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.Ordinal)) is { } line
                ? Number(line[(name.Length + 1)..].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[0]) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;    // it has ended, perhaps while it was looked at
        }
    }
}
