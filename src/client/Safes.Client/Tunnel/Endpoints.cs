using System.Net;
using System.Net.Sockets;
using Safes.Contracts;

namespace Safes.Client.Tunnel;

/// <summary>HOST:PORT of a server, as an address file gives it.</summary>
public static class Endpoints
{
    private static readonly TimeSpan LookupLimit = TimeSpan.FromSeconds(5);

    /// <summary>So many addresses of a name are tried.</summary>
    private const int Most = 4;

    /// <summary>
    /// The addresses to send to, in the order in which they are tried, at least one; asks the name service when it is a name. Those that this device
    /// has no way to come last: a device without IPv4 has none to a server's IPv4 address.
    /// </summary>
    /// <exception cref="FaultException">no-tunnel: the name is not known here.</exception>
    public static async Task<IReadOnlyList<IPEndPoint>> ResolveAsync(string endpoint, CancellationToken stop)
    {
        if (IPEndPoint.TryParse(endpoint, out var numeric) && numeric.Port != 0)
        {
            return [numeric];
        }

        int colon = endpoint.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(endpoint.AsSpan(colon + 1), out ushort port) || port == 0)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", $"the endpoint '{endpoint}'"));
        }

        try
        {
            var found = await Dns.GetHostAddressesAsync(endpoint[..colon], stop).WaitAsync(LookupLimit, stop).ConfigureAwait(false);
            if (found.Length > 0)
            {
                return
                [
                    .. found.Select(a => new IPEndPoint(a, port))
                        .OrderBy(e => HasWay(e) ? 0 : 1).ThenBy(e => e.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).Take(Most),
                ];
            }
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            // Not known, or nobody to ask.
        }

        throw new FaultException(FaultCodes.NoTunnel, ("endpoint", endpoint), ("why", "name"));
    }

    /// <summary>Whether a route leads there. Sends nothing.</summary>
    private static bool HasWay(IPEndPoint to)
    {
        try
        {
            using var socket = new Socket(to.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(to);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
