using System.Globalization;

namespace Safes.Secrets.Tests;

/// <summary>Looks through the memory of this process as root would, by /proc/PID/mem.</summary>
internal static class Memory
{
    public static string Maps() => File.ReadAllText("/proc/self/maps");

    /// <summary>How often the canary lies in readable memory: <paramref name="masked"/>, so that this search holds no copy of it.</summary>
    public static int Count(byte[] masked, byte mask)
    {
        int found = 0;
        using var memory = new FileStream("/proc/self/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (!fields[1].StartsWith("rw", StringComparison.Ordinal) || line.EndsWith("[vvar]", StringComparison.Ordinal))
            {
                continue;
            }

            ulong[] range = [.. fields[0].Split('-').Select(a => ulong.Parse(a, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            found += CountIn(memory, range[0], range[1], masked, mask);
        }

        return found;
    }

    /// <summary>How often it lies in a file, such as a core dump.</summary>
    public static int CountInFile(string path, byte[] masked, byte mask)
    {
        using var file = File.OpenRead(path);
        return CountIn(file, 0, (ulong)file.Length, masked, mask);
    }

    public static byte[] Mask(string text, byte mask) => [.. text.Select(c => (byte)(c ^ mask))];

    private static int CountIn(FileStream from, ulong start, ulong end, byte[] masked, byte mask)
    {
        const int window = 1 << 20;
        byte[] buffer = new byte[window];
        int found = 0;
        for (ulong at = start; at < end; at += window - 64)
        {
            int n;
            try
            {
                from.Position = (long)at;
                n = from.Read(buffer, 0, (int)Math.Min(window, end - at));
            }
            catch (IOException)
            {
                return found;       // not readable, not even by root: what secret memory is for
            }

            // Masked at once: a window of memory that holds this buffer must not be counted again.
            for (int i = 0; i < n; i++)
            {
                buffer[i] ^= mask;
            }

            for (int i = 0; (i = buffer.AsSpan(0, n).IndexOf(masked) is var next && next >= 0 ? next : -1) >= 0;)
            {
                found++;
                buffer[i] ^= 0xff;
            }

            Array.Clear(buffer);
        }

        return found;
    }
}
