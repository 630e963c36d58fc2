using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Gateway;
using Safes.Hypervisor.Guardian;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Resident;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Vaults;
using Safes.Hypervisor.Ways;
using Safes.Hypervisor.Within;
using Safes.Network;
using Safes.Qemu;
using Safes.Volumes;

namespace Safes.Hypervisor.Effects;

/// <summary>The real things that a safe is made of on this server.</summary>
public sealed record SafeParts
{
    public required SafePaths Paths { get; init; }

    public required Premises Premises { get; set; }

    /// <summary>Digests of the images as they were when safed started: what members are shown.</summary>
    public required IReadOnlyDictionary<string, byte[]> Images { get; init; }

    public required Vault Vault { get; init; }

    public required FscryptVolume Volume { get; init; }

    public required SafeNetwork Network { get; init; }

    /// <summary>The hosts' ports in it.</summary>
    public required IHostPorts Ports { get; init; }

    /// <summary>The proxy host's way outside.</summary>
    public required IWorld World { get; init; }

    public required GatewayGuest Gateway { get; init; }

    /// <summary>Where the owners' rules about hosts and devices are in force.</summary>
    public required IWays Ways { get; init; }

    public required Tools Tools { get; init; }

    public required GuardianOptions Guardian { get; init; }

    public required SessionBook Sessions { get; init; }

    public required ILogger Log { get; init; }

    public KeySlots Keys { get; } = new();

    public VolumeWork Work { get; } = new();

    /// <summary>What the guardian has to be able to end.</summary>
    public Holding Holding { get; } = new();
}
