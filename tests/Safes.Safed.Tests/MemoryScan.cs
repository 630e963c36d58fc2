using System.Globalization;

namespace Safes.Safed.Tests;

/// <summary>Looks for byte strings in all that root can read of another process's memory.</summary>
internal static class MemoryScan
{
    private const int Window = 1 << 20, Piece = 16;

    /// <summary>Names of the secrets of which at least 16 bytes, from the beginning or to the end, lie in the process's memory.</summary>
    public static string[] Find(int pid, IReadOnlyDictionary<string, byte[]> secrets)
    {
        var pieces = PiecesOf(secrets);
        var found = new SortedSet<string>(StringComparer.Ordinal);
        byte[] buffer = new byte[Window];
        using var memory = new FileStream($"/proc/{pid}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        foreach (string line in File.ReadAllLines($"/proc/{pid}/maps"))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[1][0] != 'r' || fields[^1] is "[vvar]" or "[vsyscall]" or "[vvar_vclock]")
            {
                continue;
            }

            ulong[] range = [.. fields[0].Split('-').Select(a => ulong.Parse(a, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            for (ulong at = range[0]; at < range[1]; at += Window - Piece)
            {
                int n = Read(memory, at, buffer.AsSpan(0, (int)Math.Min(Window, range[1] - at)));
                foreach (var (name, bytes) in pieces)
                {
                    if (buffer.AsSpan(0, n).IndexOf(bytes) >= 0)
                    {
                        found.Add(name);
                    }
                }

                if (n == 0)
                {
                    break;    // not readable, not even by root: what memfd_secret is for
                }
            }
        }

        return [.. found];
    }

    /// <summary>The same of what was recorded.</summary>
    public static string[] Find(byte[] record, IReadOnlyDictionary<string, byte[]> secrets) =>
        [.. PiecesOf(secrets).Where(p => record.AsSpan().IndexOf(p.Bytes) >= 0).Select(p => p.Name).Distinct().Order(StringComparer.Ordinal)];

    private static (string Name, byte[] Bytes)[] PiecesOf(IReadOnlyDictionary<string, byte[]> secrets) =>
        [.. secrets.SelectMany(s => new[] { (s.Key, s.Value[..Piece]), (s.Key, s.Value[^Piece..]) })];

    private static int Read(FileStream memory, ulong at, Span<byte> into)
    {
        try
        {
            memory.Position = (long)at;
            int n = 0, more;
            while (n < into.Length && (more = memory.Read(into[n..])) > 0)
            {
                n += more;
            }

            return n;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
