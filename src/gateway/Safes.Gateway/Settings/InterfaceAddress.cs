using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Safes.Gateway.Settings;

/// <summary>An IPv4 address with its network, "10.83.0.1/24". Only the canonical spelling is read, so the text can go into rules.</summary>
internal sealed record InterfaceAddress(IPAddress Address, int PrefixLength)
{
    private uint Mask => uint.MaxValue << (32 - PrefixLength);

    private uint Network => Number(Address) & Mask;

    public bool Contains(IPAddress other) => (Number(other) & Mask) == Network;

    public bool Overlaps(InterfaceAddress other) => Contains(other.Address) || other.Contains(Address);

    public static InterfaceAddress? TryParse(string text) =>
        text.Split('/') is [var host, var length] && TryParseHost(host) is { } address &&
        int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out int prefix) && prefix is >= 8 and <= 30 && length == prefix.ToString()
            ? new InterfaceAddress(address, prefix)
            : null;

    /// <summary>An address that a host can have.</summary>
    public static IPAddress? TryParseHost(string text) =>
        IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == text &&
        address.GetAddressBytes()[0] is not (0 or 127 or >= 224)
            ? address
            : null;

    public override string ToString() => $"{Address}/{PrefixLength}";

    private static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());
}
