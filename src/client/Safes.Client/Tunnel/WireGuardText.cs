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
        [Interface]
        PrivateKey = {Placeholder}
        Address = {settings.Device}/32
        MTU = {TunnelSettings.Mtu}
        {Peer(settings, settings.Endpoint)}
        """,
        privateKey);

    private const string Placeholder = "{key}";

    private static string Peer(TunnelSettings settings, string endpoint) => $"""
        [Peer]
        PublicKey = {Convert.ToBase64String(settings.GatewayKey.Span)}
        Endpoint = {endpoint}
        AllowedIPs = {settings.Route}
        PersistentKeepalive = {TunnelSettings.KeepaliveSeconds}

        """;
}
