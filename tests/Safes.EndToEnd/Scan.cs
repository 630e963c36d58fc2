using System.Text;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>What a thief does with a disk: looks for known text in raw bytes.</summary>
internal static class Scan
{
    /// <summary>How often <paramref name="text"/> stands in the raw bytes of a file, whatever its format.</summary>
    public static int Count(string file, string text)
    {
        byte[] wanted = Encoding.UTF8.GetBytes(text), buffer = new byte[8 << 20];
        // .NET's own opening takes a lock, which a running safed holds on one of its files.
        using var stream = new FileStream(Fcntl.Open(file, Fcntl.ReadOnly), FileAccess.Read, 1);
        int found = 0, kept = 0, n;
        while ((n = stream.Read(buffer, kept, buffer.Length - kept)) > 0)
        {
            var window = buffer.AsSpan(0, kept + n);
            for (int at; (at = window.IndexOf(wanted)) >= 0; window = window[(at + wanted.Length)..])
            {
                found++;
            }

            kept = Math.Min(wanted.Length - 1, window.Length);
            window[^kept..].CopyTo(buffer);
        }

        return found;
    }

    /// <summary>The same over all regular files below a directory.</summary>
    public static int CountBelow(string directory, string text) =>
        Directory.EnumerateFiles(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(f => new FileInfo(f) is { Length: > 0 })
            .Sum(f => Count(f, text));
}
