using System.Net;
using Safes.Contracts;

namespace Safes.Hypervisor.Hosts;

/// <summary>The hosts of a safe as the way outside knows them: the proxy host, and those that use it.</summary>
public interface IProxied
{
    /// <summary>Raised when a host's state changed.</summary>
    event Action<HostStatus>? Changed;

    /// <summary>The hosts that members made, and their inside addresses.</summary>
    IReadOnlyDictionary<string, IPAddress> Addresses { get; }

    /// <summary>Sees to it that the proxy host runs, serves by the files in its directory, and is let through.</summary>
    /// <param name="changed">They are others than those it serves by.</param>
    /// <param name="cut">What goes through it ends.</param>
    /// <exception cref="FaultException">It is tried again whenever this is called.</exception>
    Task KeepProxyAsync(ulong generation, bool changed, bool cut, IProgress<HostStep>? progress = null);

    /// <summary>No packet goes to or from the proxy any more, until it has begun to serve anew.</summary>
    Task CutProxyAsync();

    /// <summary>Ends the proxy host's processes, whatever is under way with it; it is booted when it is next kept.</summary>
    Task EndProxyAsync();

    /// <summary>Removes the proxy host with all that is its own; the directory that it shared stays.</summary>
    Task RemoveProxyAsync();

    /// <summary>The proxy's logs were put aside: it goes on in new ones.</summary>
    Task ReopenProxyLogsAsync();

    /// <summary>What hosts are to be told when they next settle.</summary>
    void ExpectOutside(WayOutside? way);

    /// <summary>Tells every host of the way outside, now or when it next runs. Null: there is none. Each is told the newest only.</summary>
    Task TellOutsideAsync(WayOutside? way);
}
