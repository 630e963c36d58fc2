using System.Net;
using Safes.Hypervisor.Hosts;
using Safes.Volumes;

namespace Safes.Hypervisor.Outside;

/// <summary>What the way outside is kept with.</summary>
public sealed record OutsideOptions
{
    /// <summary>The safe's name.</summary>
    public required string Safe { get; init; }

    /// <summary>The encrypted directory of the open volume.</summary>
    public required VolumeDirectory Root { get; init; }

    public required IProxied Hosts { get; init; }

    public required IWorld World { get; init; }

    /// <summary>Of the safe now.</summary>
    public required Func<ulong> Generation { get; init; }

    /// <summary>Told of what went wrong; it is tried again.</summary>
    public required Action<Exception, string> Trouble { get; init; }

    /// <summary>By whose clock rules end.</summary>
    public Func<DateTimeOffset> Now { get; init; } = () => DateTimeOffset.UtcNow;

    /// <summary>Whom the proxy asks for names.</summary>
    public Func<IReadOnlyList<IPAddress>> Resolvers { get; init; } = Outside.Resolvers.OfServer;

    /// <summary>The server's own public addresses.</summary>
    public Func<IReadOnlyList<IPAddress>> Own { get; init; } = OwnAddresses.OfServer;

    public IProgress<HostStep>? Progress { get; init; }
}
