using System.Text;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Ssh;

/// <summary>The files that plain ssh reads: one snippet for each open safe, and the one that includes them.</summary>
public static class SshFiles
{
    private const string Heading = "# Written by `safe` while safes are open. Include it from ~/.ssh/config: safe ssh-config --install\n";

    public static string SnippetOf(Places places, string safe) => Path.Combine(places.Config, safe, "ssh_config");

    internal static void Write(Places places, string safe, SshSnippet snippet, MadeFiles made)
    {
        made.Write(SnippetOf(places, safe), snippet.ToString());
        WriteMain(places);
    }

    /// <summary>Takes the snippet away, unless another session has written its own in its place.</summary>
    internal static void Remove(Places places, string safe, MadeFiles made)
    {
        made.Remove(SnippetOf(places, safe));
        WriteMain(places);
    }

    /// <summary>The line for ~/.ssh/config.</summary>
    public static string IncludeLine(Places places) => $"Include \"{places.SshConfig}\"";

    public static string UserConfiguration(string home) => Path.Combine(home, ".ssh", "config");

    /// <summary>Whether the line stands where it holds: with nothing before it but comments and other Includes. ssh takes the first value that it reads.</summary>
    public static bool IsInstalled(Places places, string home)
    {
        ReadOnlySpan<byte> text = File.Exists(UserConfiguration(home)) ? File.ReadAllBytes(UserConfiguration(home)) : [], wanted = Encoding.UTF8.GetBytes(IncludeLine(places));
        foreach (var range in text.Split((byte)'\n'))
        {
            var line = text[range].Trim(" \t\r\f"u8);
            if (line.SequenceEqual(wanted))
            {
                return true;
            }

            if (!line.IsEmpty && line[0] != (byte)'#' && !(line.Length > Include.Length && Ascii.EqualsIgnoreCase(line[..Include.Length], Include)))
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Puts the line first: behind a Host block it would belong to that block. False when it is there already.</summary>
    /// <remarks>The person's own file: its bytes (it need not be UTF-8), place (it may be a link), mode and owner stay as they are.</remarks>
    public static bool Install(Places places, string home)
    {
        if (IsInstalled(places, home))
        {
            return false;
        }

        WriteMain(places);
        string path = UserConfiguration(home);
        if (new FileInfo(path).LinkTarget is not null)
        {
            path = File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
        }

        var owner = Stat.Find(path, follow: true);
        if (owner is null)
        {
            // As root (sudo keeps HOME in places) it is still the person's.
            owner = Stat.Find(home, follow: true) ?? throw new FaultException(FaultCodes.FileUnknown, ("file", home), ("where", "device"));
            MakeFor(Path.GetDirectoryName(path)!, owner.Value);
        }

        byte[] before = File.Exists(path) ? File.ReadAllBytes(path) : [];
        var mode = File.Exists(path) ? File.GetUnixFileMode(path) : UnixFileMode.UserRead | UnixFileMode.UserWrite;
        PrivateFile.Replace(path, [.. Encoding.UTF8.GetBytes(IncludeLine(places) + "\n\n"), .. before], mode, (owner.Value.User, owner.Value.Group));
        return true;
    }

    private static ReadOnlySpan<byte> Include => "Include"u8;

    private static void MakeFor(string directory, FileStatus owner)
    {
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (Unistd.EffectiveUser != owner.User)
            {
                Unistd.Chown(directory, owner.User, owner.Group);
            }
        }
    }

    private static void WriteMain(Places places)
    {
        PrivateFile.MakeDirectory(places.Config);
        var snippets = Directory.EnumerateDirectories(places.Config).Select(d => Path.Combine(d, "ssh_config")).Where(File.Exists).Order(StringComparer.Ordinal);
        PrivateFile.Write(places.SshConfig, Heading + string.Concat(snippets.Select(s => $"Include \"{s}\"\n")));
    }
}
