namespace Safes.Client.Profile;

/// <summary>
/// Where things lie on the device: all below one directory that is the person's own. Nothing is looked for where others can make something, nor
/// where only some of a person's shells look (XDG_RUNTIME_DIR is another one, or none, under cron, `su -` and sudo, and goes with a logout).
/// </summary>
public sealed record Places(string Config)
{
    public static Places FromEnvironment()
    {
        string home = Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } h
            ? h : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string config = Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } c && Path.IsPathRooted(c)
            ? c : Path.Combine(home, ".config");
        string safes = Path.Combine(config, "safes");
        // A person's own link there is his affair; what it leads to is looked at as if it lay there.
        return new Places(new FileInfo(safes).LinkTarget is null ? safes : File.ResolveLinkTarget(safes, returnFinalTarget: true)?.FullName ?? safes);
    }

    /// <summary>The snippet that plain ssh includes.</summary>
    public string SshConfig => Path.Combine(Config, "ssh_config");

    /// <summary>Configurations for other programs that make tunnels, and what is remembered of tunnels made here.</summary>
    public string Tunnels => Path.Combine(Config, ".tunnels");
}
