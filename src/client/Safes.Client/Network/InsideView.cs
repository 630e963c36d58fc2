using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Network;

/// <summary>The inside network as the server says it is in force.</summary>
public sealed class InsideView(NetworkReply reply)
{
    public NetworkReply Reply => reply;

    public static async Task<InsideView> FetchAsync(Server server, CancellationToken stop) =>
        new(await server.Inside.CallAsync((c, o) => c.GetNetworkAsync(new NetworkRequest(), o), Server.CallLimit, stop).ConfigureAwait(false));

    /// <exception cref="FaultException">host-unknown.</exception>
    public NetworkHost Find(string host) => reply.Hosts.FirstOrDefault(h => h.Name == host) ?? throw new FaultException(FaultCodes.HostUnknown, ("host", host));

    /// <summary>The hosts that a host reaches, and that reach it: those of its group, or those that are in none as it is.</summary>
    public IEnumerable<string> Reached(NetworkHost from) => reply.Hosts.Where(h => h != from && h.Group == from.Group).Select(h => h.Name);

    /// <exception cref="FaultException">no-shell.</exception>
    public void RequireShell()
    {
        if (!reply.Shell)
        {
            throw new FaultException(FaultCodes.NoShell);
        }
    }
}
