using Safes.Qemu;
using Safes.Volumes;

namespace Safes.Hypervisor.Hosts;

/// <summary>What the virtual hosts of a safe are run with.</summary>
public sealed record HostFleetOptions
{
    /// <summary>Hosts are NAME.zone; the safe's name.</summary>
    public required string Zone { get; init; }

    /// <summary>The encrypted directory of the mounted volume.</summary>
    public required VolumeDirectory Volume { get; init; }

    /// <summary>Signs the hosts' keys.</summary>
    public required SshAuthority Authority { get; init; }

    /// <summary>A directory of root's for sockets and process records, `/run/safes/NAME/hosts`: one below it for each host's number.</summary>
    public required string RunDirectory { get; init; }

    public required Tools Tools { get; init; }

    /// <summary>Who does what needs rights over the server, by a host's number; 0: for an image that is prepared.</summary>
    public Func<int, IMachineRights> Rights { get; init; } = _ => RootsRights.Instance;

    public required IHostPorts Ports { get; init; }

    /// <summary>Who looks at what hosts' programs have open on the share.</summary>
    public IShares Shares { get; init; } = NoShares.Instance;

    public SafeUsers Users { get; init; } = SafeUsers.Usual;

    /// <summary>The way outside of the proxy host; null: there is none to be had.</summary>
    public IWorld? World { get; init; }

    /// <summary>The bundles that hosts can be made of, by name: directories outside the volume, as <see cref="ImageBuild"/> makes them.</summary>
    public IReadOnlyDictionary<string, string> Bundles { get; init; } = new Dictionary<string, string>();

    /// <summary>The digests of bundles' manifests as members were shown them; a bundle that is not among them is refused. Null: any.</summary>
    public IReadOnlySet<string>? KnownBundles { get; init; }

    /// <summary>Told when there is another host, before its port is let through, and when there is one less.</summary>
    public Func<HostFleet, Task> HostsChanged { get; init; } = _ => Task.CompletedTask;

    /// <summary>How long closing may take altogether; memory that cannot be written back within a part of it is refused.</summary>
    public TimeSpan Bound { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long a host's port is held back for its clock.</summary>
    public TimeSpan ClockLimit { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Bytes a second that the volume takes of dirty guest memory; null: measured when it is first asked for.</summary>
    public double? WriteBackRate { get; init; }

    /// <summary>How long other sizes wait for what else is under way with their host; nothing is added or resized meanwhile.</summary>
    public TimeSpan BusyLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long after a resume it is remembered which memory the guest has used, for the next one.</summary>
    public TimeSpan HotPagesAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Bytes that a host's share daemon may hold of its own before the guest is told to forget files that it does not use. 128 MiB are some
    /// 175,000 files.
    /// </summary>
    public long ShareMemory { get; init; } = 128 << 20;

    /// <summary>Told what went wrong and changes nothing for hosts.</summary>
    public Action<Exception, string> Trouble { get; init; } = (_, _) => { };

    public Limits Limits { get; init; } = new();

    /// <summary>Names no host: it stays when the safe is closed.</summary>
    public string RunOf(int number) => Path.Combine(RunDirectory, number.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
