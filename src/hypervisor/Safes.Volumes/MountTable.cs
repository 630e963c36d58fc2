using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>One line of mountinfo.</summary>
/// <param name="Root">What of the file system is mounted, "/" for all of it.</param>
public sealed record MountLine(ulong Id, DeviceNumber Device, string Root, string Path, string Type, string Source);

/// <summary>Reads /proc/PID/mountinfo.</summary>
public static class MountTable
{
    /// <summary>The mounts that the calling thread sees, in the kernel's order: what covers another one comes after it.</summary>
    public static IReadOnlyList<MountLine> Own() => Parse(System.IO.File.ReadLines("/proc/thread-self/mountinfo"));

    /// <summary>The mounts that a process sees; empty when it has ended or is a kernel thread.</summary>
    internal static IReadOnlyList<MountLine> Of(int pid)
    {
        try
        {
            return Parse(System.IO.File.ReadLines($"/proc/{pid}/mountinfo"));
        }
        catch (IOException)
        {
            return [];
        }
        catch (UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The mounts that a thread sees.</summary>
    /// <param name="thread">Its directory of /proc.</param>
    internal static IReadOnlyList<MountLine> Of(SafeFileHandle thread)
    {
        using var reader = new StreamReader(new FileStream(Fcntl.OpenBeneath(thread, "mountinfo", Fcntl.ReadOnly), FileAccess.Read));
        return Parse(reader.ReadToEnd().Split('\n'));
    }

    internal static IReadOnlyList<MountLine> Parse(IEnumerable<string> lines)
    {
        var mounts = new List<MountLine>();
        foreach (string line in lines)
        {
            // 36 35 98:0 /root /path options optional.. - type source options
            string[] parts = line.Split(' ');
            int dash = Array.IndexOf(parts, "-", Math.Min(6, parts.Length));
            string[] device = parts.Length > 2 ? parts[2].Split(':') : [];
            if (dash > 0 && dash + 2 < parts.Length && device.Length == 2)
            {
                mounts.Add(new MountLine(
                    ulong.Parse(parts[0], CultureInfo.InvariantCulture),
                    new DeviceNumber(uint.Parse(device[0], CultureInfo.InvariantCulture), uint.Parse(device[1], CultureInfo.InvariantCulture)),
                    Unescape(parts[3]), Unescape(parts[4]), parts[dash + 1], Unescape(parts[dash + 2])));
            }
        }

        return mounts;
    }

    // The kernel writes blank, tab, newline and backslash as three octal digits.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length)
            {
                plain.Append((char)Convert.ToInt32(text.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }

        return plain.ToString();
    }
}
