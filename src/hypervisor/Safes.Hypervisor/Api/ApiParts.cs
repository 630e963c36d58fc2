using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Vaults;
using Safes.Hypervisor.Within;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Api;

/// <summary>What the calls of members work on.</summary>
public sealed record ApiParts
{
    public required SafeDaemon Daemon { get; init; }

    public required Vault Vault { get; init; }

    public required SessionBook Sessions { get; init; }

    public required OneTimeKeys OneTimeKeys { get; init; }

    public required KeySlots Keys { get; init; }

    public required VolumeWork Work { get; init; }

    public required IInsideOut Safe { get; init; }

    public required Terms Terms { get; init; }

    public required TimeProvider Clock { get; init; }

    public required ILogger Log { get; init; }

    /// <summary>Null in tests without a server.</summary>
    public SafeParts? Server { get; init; }

    /// <summary>Digests of the images that hosts are made of.</summary>
    public IReadOnlyDictionary<string, byte[]> Images { get; init; } = new Dictionary<string, byte[]>();
}
