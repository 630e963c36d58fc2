using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;

namespace Safes.Network;

/// <summary>
/// The addresses of one safe, all out of one private /20 (10.X.Y.0, Y a multiple of 16): tunnel /24, inside /24, control /30, uplink /30, world /30.
/// </summary>
public sealed record SafeAddresses
{
    public const int ControlPort = 7788;

    /// <summary>The proxy host's number. Those of members' hosts begin at 10.</summary>
    public const int ProxyNumber = 2;

    private readonly uint network;

    private SafeAddresses(uint network) => this.network = network;

    /// <summary>The /20 as text, "10.83.16.0/20".</summary>
    public string Prefix => $"{At(0, 0)}/20";

    public IPAddress TunnelGateway => At(0, 1);

    public IPAddress InsideGateway => At(1, 1);

    /// <summary>safed's end of the control link.</summary>
    public IPAddress ControlHypervisor => At(2, 1);

    public IPAddress ControlGateway => At(2, 2);

    /// <summary>The server's end of the uplink.</summary>
    public IPAddress UplinkRouter => At(3, 1);

    public IPAddress UplinkGateway => At(3, 2);

    /// <summary>The proxy host's inside address.</summary>
    public IPAddress Proxy => At(1, ProxyNumber);

    /// <summary>The server's end of the world link.</summary>
    public IPAddress WorldRouter => At(4, 1);

    /// <summary>The proxy host's end of the world link: its second address on the same port.</summary>
    public IPAddress WorldProxy => At(4, 2);

    /// <summary>The tunnel address of the device with this index of admission (0 is the first), at most 252.</summary>
    public IPAddress Device(int index) => index is >= 0 and <= 252 ? At(0, 2 + index) : throw new ArgumentOutOfRangeException(nameof(index));

    /// <summary>The inside address of a host by its number, 10 to 254, or the proxy's.</summary>
    public IPAddress Host(int number) => number is (>= 10 and <= 254) or ProxyNumber ? At(1, number) : throw new ArgumentOutOfRangeException(nameof(number));

    /// <summary>A random /20 of 10.0.0.0/8 for a new safe.</summary>
    public static SafeAddresses Random() => new((10u << 24) | ((uint)RandomNumberGenerator.GetInt32(1, 255) << 16) | ((uint)RandomNumberGenerator.GetInt32(0, 16) << 12));

    /// <summary>Reads "10.83.16.0/20".</summary>
    /// <exception cref="FormatException">Not a /20 of 10.0.0.0/8.</exception>
    public static SafeAddresses Parse(string prefix)
    {
        if (prefix.EndsWith("/20", StringComparison.Ordinal) && IPAddress.TryParse(prefix[..^3], out var address) &&
            address.ToString() == prefix[..^3] && address.GetAddressBytes() is [10, _, _, _] bytes)
        {
            uint value = BinaryPrimitives.ReadUInt32BigEndian(bytes);
            if ((value & 0xfff) == 0)
            {
                return new SafeAddresses(value);
            }
        }

        throw new FormatException($"'{prefix}' is no network of a safe");
    }

    /// <summary>Distinguishes the names of this safe's interfaces and tables on the server: "83-16".</summary>
    internal string Mark => $"{(network >> 16) & 0xff}-{(network >> 8) & 0xff}";

    public override string ToString() => Prefix;

    private IPAddress At(int third, int last)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, network + ((uint)third << 8) + (uint)last);
        return new IPAddress(bytes);
    }
}
