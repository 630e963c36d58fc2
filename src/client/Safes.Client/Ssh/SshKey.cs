using Safes.Client.Profile;
using Safes.Linux;

namespace Safes.Client.Ssh;

/// <summary>The key that lives as long as a session. ssh-keygen makes it, in the session's own directory.</summary>
public static class SshKey
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Makes a fresh key; returns its public line.</summary>
    public static async Task<string> MakeAsync(string path)
    {
        PrivateFile.MakeDirectory(Path.GetDirectoryName(path)!);
        Remove(path);
        await Tool.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "safes", "-f", path], limit: Limit).ConfigureAwait(false);
        File.SetUnixFileMode(path + ".pub", UnixFileMode.UserRead | UnixFileMode.UserWrite);    // nothing lies there that others may read
        return SshNames.PublicKey(await File.ReadAllTextAsync(path + ".pub").ConfigureAwait(false));
    }

    public static void Remove(string path)
    {
        foreach (string file in new[] { path, path + ".pub", path + "-cert.pub" })
        {
            File.Delete(file);
        }
    }
}
