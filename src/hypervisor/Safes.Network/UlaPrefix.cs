using System.Net;
using System.Security.Cryptography;

namespace Safes.Network;

/// <summary>
/// A safe's own IPv6 prefix (RFC 4193), a /48 that follows from its init: fd and the first 40 bits of SHA-256("safes/1/ula" || init). The
/// hosts' subnet has the number of the IPv4 plan's, 1. Hosts have such addresses among each other; nothing else in the safe has any.
/// </summary>
public sealed record UlaPrefix
{
    private readonly ulong high;

    private UlaPrefix(ulong high) => this.high = high;

    /// <param name="init">The safe's init, 16 bytes.</param>
    public static UlaPrefix Of(ReadOnlySpan<byte> init)
    {
        byte[] digest = SHA256.HashData([.. "safes/1/ula"u8, .. init]);
        ulong high = 0xfd;
        foreach (byte b in digest.AsSpan(0, 5))
        {
            high = (high << 8) | b;
        }

        return new UlaPrefix((high << 16) | 1);
    }

    /// <summary>The hosts' subnet, a /64.</summary>
    public IPNetwork Inside => new(At(0), 64);

    /// <summary>A host's address by its number, 10 to 254. The proxy's is nobody's: it has no way by IPv6.</summary>
    public IPAddress Host(int number) => number is (>= 10 and <= 254) or SafeAddresses.ProxyNumber ? At((ulong)number) : throw new ArgumentOutOfRangeException(nameof(number));

    /// <summary>The first 96 bits of all hosts' addresses, as nft compares them.</summary>
    internal string First96 => $"0x{high:x16}00000000";

    public override string ToString() => $"{Inside}";

    private IPAddress At(ulong low)
    {
        byte[] bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes, high);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), low);
        return new IPAddress(bytes);
    }
}
