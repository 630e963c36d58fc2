using System.Net;
using System.Net.Sockets;
using Safes.Contracts;

namespace Safes.Client.Tunnel;

/// <summary>HOST:PORT of a server, as an address file gives it.</summary>
public static class Endpoints
{
    private static readonly TimeSpan LookupLimit = TimeSpan.FromSeconds(5);

    /// <summary>The address to send to; asks the name service when it is a name.</summary>
    /// <exception cref="FaultException">no-tunnel: the name is not known here.</exception>
    public static async Task<IPEndPoint> ResolveAsync(string endpoint, CancellationToken stop)
    {
        if (IPEndPoint.TryParse(endpoint, out var numeric) && numeric.Port != 0)
        {
            return numeric;
        }

        int colon = endpoint.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(endpoint.AsSpan(colon + 1), out ushort port) || port == 0)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", $"the endpoint '{endpoint}'"));
        }

        try
        {
            var found = await Dns.GetHostAddressesAsync(endpoint[..colon], stop).WaitAsync(LookupLimit, stop).ConfigureAwait(false);
            return new IPEndPoint(found.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? found[0], port);
        }
        catch (Exception e) when (e is SocketException or TimeoutException or IndexOutOfRangeException)
        {
            throw new FaultException(FaultCodes.NoTunnel, ("endpoint", endpoint), ("why", "name"));
        }
    }
}
