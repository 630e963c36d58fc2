using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Profile;

/// <summary>Where things lie on the device: what is kept by XDG_CONFIG_HOME, what lives with a session by XDG_RUNTIME_DIR.</summary>
public sealed record Places(string Config, string Runtime)
{
    public static Places FromEnvironment()
    {
        string home = Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } h
            ? h : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string config = Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } c && Path.IsPathRooted(c)
            ? c : Path.Combine(home, ".config");
        return new Places(Path.Combine(config, "safes"), FindRuntime());
    }

    /// <summary>The snippet that plain ssh includes.</summary>
    public string SshConfig => Path.Combine(Config, "ssh_config");

    private static string FindRuntime()
    {
        uint user = Unistd.EffectiveUser;
        if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } given && Path.IsPathRooted(given) && Directory.Exists(given))
        {
            return Path.Combine(given, "safes");
        }

        string usual = $"/run/user/{user}";
        return Directory.Exists(usual) ? Path.Combine(usual, "safes") : Path.Combine(Path.GetTempPath(), $"safes-{user}");
    }

    /// <summary>Makes the runtime directory; one that others prepared for us (it may lie in /tmp) is refused.</summary>
    public void MakeRuntime()
    {
        PrivateFile.MakeDirectory(Runtime);
        if (new DirectoryInfo(Runtime).LinkTarget is not null)
        {
            throw new FaultException(FaultCodes.UnsafePermissions, ("path", Runtime), ("mode", "a link"));
        }
    }
}
