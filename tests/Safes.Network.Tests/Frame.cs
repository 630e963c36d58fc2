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

    public static byte[] Arp(string text, string fromMac, string toMac, string senderMac, IPAddress sender, IPAddress target) =>
        [.. Ethernet(fromMac, toMac, 0x0806), 0, 1, 8, 0, 6, 4, 0, 1, .. Mac(senderMac), .. sender.GetAddressBytes(), 0, 0, 0, 0, 0, 0,
            .. target.GetAddressBytes(), .. Text(text)];

    public static byte[] IPv6(string text, string fromMac, string toMac, byte next) =>
        [.. Ethernet(fromMac, toMac, 0x86dd), 0x60, 0, 0, 0, .. Word(8 + Text(text).Length), next, 255, .. IPAddress.Parse("fe80::1").GetAddressBytes(),
            .. IPAddress.Parse("ff02::1").GetAddressBytes(), 134, 0, 0, 0, 0, 0, 0, 0, .. Text(text)];

    public static byte[] Tagged(byte[] frame) => [.. frame[..12], 0x81, 0x00, 0, 5, .. frame[12..]];

    private static byte[] Ethernet(string from, string to, int type) => [.. Mac(to), .. Mac(from), .. Word(type)];

    private static byte[] Ip(IPAddress from, IPAddress to, byte protocol, byte[] content)
    {
        byte[] header =
            [0x45, 0, .. Word(20 + content.Length), 0, 1, 0, 0, 64, protocol, 0, 0, .. from.GetAddressBytes(), .. to.GetAddressBytes()];
        uint sum = 0;
        for (int i = 0; i < 20; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(i));
        }

        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~(sum + (sum >> 16)));
        return [.. header, .. content];
    }

    private static byte[] Mac(string mac) => PhysicalAddress.Parse(mac.Replace(':', '-').ToUpperInvariant()).GetAddressBytes();

    private static byte[] Word(int value) => [(byte)(value >> 8), (byte)value];

    private static byte[] Text(string text) => Encoding.ASCII.GetBytes($"safe:{text};".PadRight(64));
}
