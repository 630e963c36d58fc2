using System.Globalization;

namespace Safes.Keys;

/// <summary>
/// How much memory a hash may take: what the system has available, what the control groups allow, what the address-space limit
/// leaves. Asked before hashing, because afterwards there may be no process left to say it.
/// </summary>
internal sealed class MemoryRoom(string root = "/")
{
    public static MemoryRoom OfThisMachine { get; } = new();

    /// <summary>Bytes; <see cref="long.MaxValue"/> where the system does not say.</summary>
    public long Free => Math.Max(0, Math.Min(Available(), Math.Min(GroupRoom(), AddressRoom())));

    /// <exception cref="NotEnoughMemoryException">Less than <paramref name="needed"/> bytes are there.</exception>
    public void Require(long needed)
    {
        long free = Free;
        if (free < needed)
        {
            throw new NotEnoughMemoryException(needed, free);
        }
    }

    private long Available() => KiloBytes("proc/meminfo", "MemAvailable:") ?? long.MaxValue;

    private long AddressRoom()
    {
        // "Max address space         unlimited            unlimited            bytes"
        string? line = Lines("proc/self/limits").FirstOrDefault(l => l.StartsWith("Max address space", StringComparison.Ordinal));
        string? soft = line?["Max address space".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return Number(soft) is { } limit ? limit - (KiloBytes("proc/self/status", "VmSize:") ?? 0) : long.MaxValue;
    }

    private long GroupRoom()
    {
        long room = long.MaxValue;
        foreach (string line in Lines("proc/self/cgroup"))
        {
            string[] parts = line.Split(':', 3);
            if (parts.Length != 3)
            {
                continue;
            }

            bool two = parts[0] == "0" && parts[1].Length == 0;
            if (!two && !parts[1].Split(',').Contains("memory"))
            {
                continue;
            }

            string mount = two ? "sys/fs/cgroup" : "sys/fs/cgroup/memory";
            for (string? group = parts[2]; group is not null; group = Path.GetDirectoryName(group))
            {
                string directory = mount + (group == "/" ? "" : group) + "/";
                long? limit = First(directory + (two ? "memory.max" : "memory.limit_in_bytes"));
                long? used = First(directory + (two ? "memory.current" : "memory.usage_in_bytes"));
                if (limit is not null && used is not null)
                {
                    // What files are cached in counts as used, but gives way.
                    room = Math.Min(room, limit.Value - used.Value + Cached(directory + "memory.stat", two ? "" : "total_"));
                }
            }
        }

        return room;
    }

    private long Cached(string file, string prefix) => Lines(file).Sum(l =>
        l.Split(' ') is [var name, var bytes] && (name == prefix + "inactive_file" || name == prefix + "active_file") ? Number(bytes) ?? 0 : 0);

    private long? First(string file) => Number(Lines(file).FirstOrDefault());

    private long? KiloBytes(string file, string name) =>
        Number(Lines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim()) * 1024;

    private static long? Number(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : null;

    private string[] Lines(string file)
    {
        try
        {
            return File.ReadAllLines(root + file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
