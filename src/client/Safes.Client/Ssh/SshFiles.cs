using Safes.Client.Profile;

namespace Safes.Client.Ssh;

/// <summary>The files that plain ssh reads: one snippet for each open safe, and the one that includes them.</summary>
public static class SshFiles
{
    private const string Heading = "# Written by `safe` while safes are open. Include it from ~/.ssh/config: safe ssh-config --install\n";

    public static string SnippetOf(Places places, string safe) => Path.Combine(places.Config, safe, "ssh_config");

    public static void Write(Places places, string safe, SshSnippet snippet)
    {
        PrivateFile.Write(SnippetOf(places, safe), snippet.ToString());
        WriteMain(places);
    }

    public static void Remove(Places places, string safe)
    {
        File.Delete(SnippetOf(places, safe));
        WriteMain(places);
    }

    /// <summary>The line for ~/.ssh/config.</summary>
    public static string IncludeLine(Places places) => $"Include \"{places.SshConfig}\"";

    public static string UserConfiguration(string home) => Path.Combine(home, ".ssh", "config");

    public static bool IsInstalled(Places places, string home) =>
        File.Exists(UserConfiguration(home)) && File.ReadLines(UserConfiguration(home)).Any(l => l.Trim() == IncludeLine(places));

    /// <summary>Puts the line first: behind a Host block it would belong to that block. False when it is there already.</summary>
    public static bool Install(Places places, string home)
    {
        if (IsInstalled(places, home))
        {
            return false;
        }

        WriteMain(places);
        // The person's own file: its place (it may be a link) and its mode stay as they are.
        string path = UserConfiguration(home);
        path = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.WriteAllText(path, "");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        string fresh = path + ".safes";
        File.WriteAllText(fresh, IncludeLine(places) + "\n\n" + File.ReadAllText(path));
        File.SetUnixFileMode(fresh, File.GetUnixFileMode(path));
        File.Move(fresh, path, overwrite: true);
        return true;
    }

    private static void WriteMain(Places places)
    {
        PrivateFile.MakeDirectory(places.Config);
        var snippets = Directory.EnumerateDirectories(places.Config).Select(d => Path.Combine(d, "ssh_config")).Where(File.Exists).Order(StringComparer.Ordinal);
        PrivateFile.Write(places.SshConfig, Heading + string.Concat(snippets.Select(s => $"Include \"{s}\"\n")));
    }
}
