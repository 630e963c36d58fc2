using System.Net;

namespace Safes.Client.Tunnel;

/// <summary>What a tunnel to a safe needs, all of it public but the private key, which is given apart.</summary>
/// <param name="Interface">At most 15 characters, of its own for this device and safe.</param>
/// <param name="Device">This device's address, 10.X.Y.n.</param>
/// <param name="Network">The safe's prefix, 10.X.Y.0. Of it only the gateway and the hosts are routed into the tunnel, and taken from there.</param>
/// <param name="PrefixLength">20.</param>
/// <param name="GatewayKey">The gateway's WireGuard public key, 32 bytes.</param>
/// <param name="Endpoint">HOST:PORT of the server's public UDP port.</param>
public sealed record TunnelSettings(
    string Interface, IPAddress Device, IPAddress Network, int PrefixLength, ReadOnlyMemory<byte> GatewayKey, string Endpoint)
{
    /// <summary>Fits into a path of 1280 bytes with WireGuard's 80 bytes over IPv6.</summary>
    public const int Mtu = 1200;

    public const int ControlPort = 7788, KeepaliveSeconds = 25;

    /// <summary>The gateway's address in the tunnel: the first of the network.</summary>
    public IPAddress Gateway
    {
        get
        {
            byte[] bytes = Network.GetAddressBytes();
            bytes[3] = 1;
            return new IPAddress(bytes);
        }
    }

    public IPEndPoint Control => new(Gateway, ControlPort);

    /// <summary>Where the safe's hosts are: the second /24 of its network.</summary>
    public IPNetwork Hosts
    {
        get
        {
            byte[] bytes = Network.GetAddressBytes();
            bytes[2]++;
            return new IPNetwork(new IPAddress(bytes), 24);
        }
    }

    /// <summary>All that this device has to do with: no other device's address, and nobody's beyond.</summary>
    public IReadOnlyList<string> Routes => [$"{Gateway}/32", $"{Hosts}"];

    /// <summary>As WireGuard has it.</summary>
    public string AllowedAddresses => string.Join(", ", Routes);

    /// <summary>A name that differs between safes and between devices: <c>sf</c> and 12 hexadecimal digits.</summary>
    public static string InterfaceName(ReadOnlySpan<byte> gatewayKey, ReadOnlySpan<byte> deviceId)
    {
        Span<byte> hash = stackalloc byte[32];
        byte[] both = [.. gatewayKey, .. deviceId];
        System.Security.Cryptography.SHA256.HashData(both, hash);
        return "sf" + Convert.ToHexStringLower(hash[..6]);
    }
}
