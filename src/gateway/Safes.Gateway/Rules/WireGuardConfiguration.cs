using System.Text;
using Safes.Gateway.Settings;

namespace Safes.Gateway.Rules;

/// <summary>The tunnel's configuration as `wg syncconf` reads it: peers that are not in it are removed, others keep their sessions.</summary>
internal static class WireGuardConfiguration
{
    /// <summary>
    /// A path of 1280 bytes must do, and what WireGuard adds over IPv4 is 60. Larger packets would be cut up on such a path,
    /// and fragments are often dropped. A multiple of 16, to which a peer with a larger MTU fills its packets up.
    /// </summary>
    public const int Mtu = 1216;

    public static string Of(GatewaySettings settings)
    {
        var text = new StringBuilder($"[Interface]\nPrivateKey = {settings.PrivateKey}\nListenPort = {settings.ListenPort}\n");
        foreach (var peer in settings.Peers)
        {
            text.Append($"[Peer]\nPublicKey = {peer.PublicKey}\nAllowedIPs = {peer.Address}/32\n");
        }

        return text.ToString();
    }
}
