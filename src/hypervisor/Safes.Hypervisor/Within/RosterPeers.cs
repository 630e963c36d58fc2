using System.Net;
using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Within;

/// <summary>Who may connect to the inside: the devices of the roster as it was told last. Their addresses do not matter here.</summary>
public sealed class RosterPeers(IOpenSafe safe) : IPeers
{
    public Peer? FindPeer(ReadOnlySpan<byte> tlsPin) =>
        safe.Roster?.FindDeviceByPin(tlsPin) is { } device ? new Peer(device.Id, device.WireGuardKey, IPAddress.None) : null;
}
