using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Safes.Rules.Outside;

namespace Safes.Hypervisor.Outside;

/// <summary>The server's own addresses: the proxy reaches none of its services, not even those that anybody on the internet does.</summary>
internal static class OwnAddresses
{
    private static readonly IPNetwork[] Unreachables = [.. Unreachable.V4.Select(n => IPNetwork.Parse(n))];

    public static IReadOnlyList<IPAddress> OfServer() =>
        Of(NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses).Select(a => a.Address));

    /// <summary>Those that are not unreachable anyhow; IPv4, as the proxy's way outside is.</summary>
    public static IReadOnlyList<IPAddress> Of(IEnumerable<IPAddress> addresses) =>
    [
        .. addresses.Where(a => a.AddressFamily == AddressFamily.InterNetwork && !Unreachables.Any(n => n.Contains(a))).Distinct().OrderBy(a => $"{a}", StringComparer.Ordinal),
    ];
}
