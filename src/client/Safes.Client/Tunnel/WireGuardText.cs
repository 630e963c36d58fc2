using System.Net;
using Safes.Secrets;

namespace Safes.Client.Tunnel;

/// <summary>WireGuard's configuration files. <c>{key}</c> stands where the private key goes.</summary>
public static class WireGuardText
{
    public static string ForSetconf(TunnelSettings settings, IPEndPoint endpoint) => $"""
        [Interface]
        PrivateKey = {Placeholder}
        {Peer(settings, endpoint.ToString())}
        """;

    /// <summary>For wg-quick and the official applications.</summary>
    public static SecretBuffer ForWgQuick(TunnelSettings settings, SecretBuffer privateKey) => WireGuardKeyText.Fill(
        $"""
        # One device's way to one safe. The private key is this device's: give this file to nobody.
        # wg-quick calls the interface as the file: NAME.conf with at most 15 of a-z, A-Z, 0-9 and _ = + . -
        {string.Join('\n', DeviceFirewall.ForOthers(settings.Gateway, settings.Hosts))}
        [Interface]
        PrivateKey = {Placeholder}
        Address = {settings.Device}/32
        MTU = {TunnelSettings.Mtu}
        {string.Join('\n', DeviceFirewall.ForWgQuick())}
        {Peer(settings, settings.Endpoint)}
        """,
        privateKey);

    private const string Placeholder = "{key}";

    private static string Peer(TunnelSettings settings, string endpoint) => $"""
        [Peer]
        PublicKey = {Convert.ToBase64String(settings.GatewayKey.Span)}
        Endpoint = {endpoint}
        AllowedIPs = {settings.AllowedAddresses}
        PersistentKeepalive = {TunnelSettings.KeepaliveSeconds}

        """;
}
