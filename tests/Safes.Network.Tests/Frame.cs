using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using System.Text;

namespace Safes.Network.Tests;

/// <summary>Ethernet frames by hand, each with a text in it that tells it from others.</summary>
internal static class Frame
{
    public static byte[] Udp(string text, string fromMac, string toMac, IPAddress from, IPAddress to, int port, byte protocol = 17) =>
        [.. Ethernet(fromMac, toMac, 0x0800), .. Ip(from, to, protocol, [.. Word(port), .. Word(port), .. Word(8 + Text(text).Length), 0, 0, .. Text(text)])];

    /// <summary>A datagram with exactly these bytes.</summary>
    public static byte[] UdpOf(byte[] bytes, string fromMac, string toMac, IPAddress from, IPAddress to, int port) =>
        [.. Ethernet(fromMac, toMac, 0x0800), .. Ip(from, to, 17, [.. Word(port), .. Word(port), .. Word(8 + bytes.Length), 0, 0, .. bytes])];

    public static byte[] Icmp(string text, string fromMac, string toMac, IPAddress from, IPAddress to, byte type)
    {
        byte[] message = [type, 0, 0, 0, 0, 1, 0, 1, .. Text(text)];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Sum(message));
        return [.. Ethernet(fromMac, toMac, 0x0800), .. Ip(from, to, 1, message)];
    }

    public static byte[] Arp(string text, string fromMac, string toMac, string senderMac, IPAddress sender, IPAddress target) =>
        [.. Ethernet(fromMac, toMac, 0x0806), 0, 1, 8, 0, 6, 4, 0, 1, .. Mac(senderMac), .. sender.GetAddressBytes(), 0, 0, 0, 0, 0, 0,
            .. target.GetAddressBytes(), .. Text(text)];

    public static byte[] IPv6(string text, string fromMac, string toMac, byte next) =>
        [.. Ethernet(fromMac, toMac, 0x86dd), 0x60, 0, 0, 0, .. Word(8 + Text(text).Length), next, 255, .. IPAddress.Parse("fe80::1").GetAddressBytes(),
            .. IPAddress.Parse("ff02::1").GetAddressBytes(), 134, 0, 0, 0, 0, 0, 0, 0, .. Text(text)];

    /// <summary>Any ICMPv6 message, its text after the eight bytes of header and <paramref name="about"/> (a neighbour's target).</summary>
    public static byte[] Icmp6(string text, string fromMac, string toMac, IPAddress from, IPAddress to, byte type, IPAddress? about = null)
    {
        byte[] message = [type, 0, 0, 0, 0x20, 0, 0, 0, .. about?.GetAddressBytes() ?? [], .. Text(text)];
        return [.. Ethernet(fromMac, toMac, 0x86dd), .. Six(58, message.Length, from, to), .. message];
    }

    public static byte[] Udp6(string text, string fromMac, string toMac, IPAddress from, IPAddress to, int port) =>
        [.. Ethernet(fromMac, toMac, 0x86dd), .. Six(17, 8 + Text(text).Length, from, to), .. Word(port), .. Word(port), .. Word(8 + Text(text).Length), 0, 0, .. Text(text)];

    public static byte[] Tcp6(string text, string fromMac, string toMac, IPAddress from, IPAddress to, int fromPort, int toPort) =>
        [.. Ethernet(fromMac, toMac, 0x86dd), .. Six(6, 20 + Text(text).Length, from, to), .. Word(fromPort), .. Word(toPort), 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 2, 16, 0, 0, 0, 0, 0, .. Text(text)];

    /// <summary>A router advertisement behind a header of another kind: 0 hop-by-hop, 44 fragment, 60 destination options.</summary>
    public static byte[] Hidden6(string text, string fromMac, string toMac, IPAddress from, IPAddress to, byte header) =>
        [.. Ethernet(fromMac, toMac, 0x86dd), .. Six(header, 16 + Text(text).Length, from, to), 58, 0, 0, 0, 0, 0, 0, 0, 134, 0, 0, 0, 0, 0, 0, 0, .. Text(text)];

    /// <summary>A TCP segment with these flags (2 SYN, 4 RST, 16 ACK), its text behind the header.</summary>
    public static byte[] Tcp(string text, string fromMac, string toMac, IPAddress from, IPAddress to, int fromPort, int toPort, byte flags)
    {
        byte[] segment = [.. Word(fromPort), .. Word(toPort), 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 16, 0, 0, 0, 0, 0, .. Text(text)];
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), Sum([.. from.GetAddressBytes(), .. to.GetAddressBytes(), 0, 6, .. Word(segment.Length), .. segment]));
        return [.. Ethernet(fromMac, toMac, 0x0800), .. Ip(from, to, 6, segment)];
    }

    public static byte[] Tagged(byte[] frame) => [.. frame[..12], 0x81, 0x00, 0, 5, .. frame[12..]];

    private static byte[] Ethernet(string from, string to, int type) => [.. Mac(to), .. Mac(from), .. Word(type)];

    private static byte[] Ip(IPAddress from, IPAddress to, byte protocol, byte[] content)
    {
        byte[] header =
            [0x45, 0, .. Word(20 + content.Length), 0, 1, 0, 0, 64, protocol, 0, 0, .. from.GetAddressBytes(), .. to.GetAddressBytes()];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Sum(header));
        return [.. header, .. content];
    }

    // RFC 1071, of an even number of bytes.
    private static ushort Sum(byte[] bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(i));
        }

        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }

    private static byte[] Six(byte next, int length, IPAddress from, IPAddress to) =>
        [0x60, 0, 0, 0, .. Word(length), next, 255, .. from.GetAddressBytes(), .. to.GetAddressBytes()];

    private static byte[] Mac(string mac) => PhysicalAddress.Parse(mac.Replace(':', '-').ToUpperInvariant()).GetAddressBytes();

    private static byte[] Word(int value) => [(byte)(value >> 8), (byte)value];

    private static byte[] Text(string text) => Encoding.ASCII.GetBytes($"safe:{text};".PadRight(64));
}
