using System.Net;
using Safes.Network;

namespace Safes.Hypervisor.Hosts;

/// <summary>The proxy host's way outside, which exists only while it is open.</summary>
public interface IWorld
{
    /// <summary>Where hosts find the proxy.</summary>
    IPAddress Proxy { get; }

    /// <summary>The proxy's own address towards the outside, in a /30 with <see cref="Router"/>.</summary>
    IPAddress Address { get; }

    IPAddress Router { get; }

    /// <summary>Makes it, or changes what goes through it.</summary>
    Task OpenAsync(WorldPlan plan);

    /// <summary>Takes it away; nothing happens where there is none.</summary>
    Task CloseAsync();
}

/// <summary>That of a real network.</summary>
public sealed class SafeNetworkWorld(SafeNetwork network) : IWorld
{
    public IPAddress Proxy => network.Addresses.Proxy;

    public IPAddress Address => network.Addresses.WorldProxy;

    public IPAddress Router => network.Addresses.WorldRouter;

    public Task OpenAsync(WorldPlan plan) => network.OpenWorldAsync(plan);

    public Task CloseAsync() => network.CloseWorldAsync();
}
