namespace Safes.Hypervisor;

/// <summary>Where a safe's things lie on the server. Both roots can be moved for tests.</summary>
public sealed record SafePaths(string StateRoot, string RunRoot, string Name)
{
    public const string DefaultStateRoot = "/var/lib/safes", DefaultRunRoot = "/run/safes";

    /// <summary>Everything but the volume that must survive a reboot.</summary>
    public string State => Path.Combine(StateRoot, Name);

    public string Run => Path.Combine(RunRoot, Name);

    /// <summary>A private mount, on which namespaces can be pinned.</summary>
    public string Namespaces => Path.Combine(Run, "ns");

    /// <summary>The mount namespace in which safed and its children live, and nobody else.</summary>
    public string MountPin => Path.Combine(Namespaces, "mnt");

    public string NetworkPin => Path.Combine(Namespaces, "net");

    /// <summary>An empty network namespace, for QEMU.</summary>
    public string EmptyPin => Path.Combine(Namespaces, "empty");

    public string MountPoint => Path.Combine(Run, "volume");

    public string LocalSocket => Path.Combine(Run, "local.sock");

    public string LockFile => Path.Combine(Run, "safed.lock");

    public string Hosts => Path.Combine(Run, "hosts");

    public string Gateway => Path.Combine(Run, "gateway");

    public string Log => Path.Combine(Run, "gateway.log");
}
