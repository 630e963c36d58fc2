using System.Formats.Cbor;
using System.Net;
using Safes.Keys;

namespace Safes.Roster;

/// <summary>An address (`.safeaddress`): where a safe is and which keys it must show. Public; made for one device.</summary>
/// <param name="Name">The safe's name, as the supplier gave it.</param>
/// <param name="Endpoint">HOST:PORT of the public UDP port.</param>
/// <param name="GatewayKey">The gateway's WireGuard public key, 32 bytes.</param>
/// <param name="ServerPin">SHA-256 of the hypervisor's TLS SPKI.</param>
/// <param name="Init">16 random bytes of `safed init`; tell one initialisation from another.</param>
/// <param name="Network">The safe's own prefix, a /20.</param>
/// <param name="Device">For whom it is.</param>
/// <param name="DeviceAddress">The device's address in the tunnel.</param>
/// <param name="Safe">Null while the safe is unclaimed; then <paramref name="Head"/> is too.</param>
/// <param name="Head">The roster's head when this was written: the joining client demands it in the chain.</param>
/// <param name="Entries">How many entries the roster had then.</param>
public sealed record AddressFile(
    string Name, string Endpoint, byte[] GatewayKey, byte[] ServerPin, byte[] Init, IPNetwork Network, DeviceId Device, IPAddress DeviceAddress,
    SafeId? Safe, byte[]? Head, int Entries)
{
    private const string Kind = "SAFE ADDRESS", Label = "safes/1/address";

    public const int InitSize = 16, HeadSize = 64;

    public string Fingerprint => Keys.Fingerprint.Of(Encode());

    /// <summary>Where the safe's hosts are.</summary>
    public IPNetwork Hosts => new(At(256), 24);

    /// <summary>The gateway's address in the tunnel.</summary>
    public IPAddress Gateway => At(1);

    /// <summary>Address number <paramref name="n"/> of the safe's network.</summary>
    public IPAddress At(int n)
    {
        byte[] bytes = Network.BaseAddress.GetAddressBytes();
        bytes[2] += (byte)(n >> 8);
        bytes[3] = (byte)n;
        return new IPAddress(bytes);
    }

    /// <exception cref="MalformedException">Damaged, or of another version.</exception>
    public static AddressFile Parse(string text) => CanonicalCbor.Decode(Armour.Read(Kind, text), Kind, r =>
    {
        r.LabelledArray(Label, 12);
        var read = new AddressFile(
            r.Text(Names.Most), r.Text(262), r.Bytes(WireGuardKey.Size), r.Bytes(TlsIdentity.PinSize), r.Bytes(InitSize), ReadNetwork(r),
            DeviceId.Read(r.Bytes(DeviceId.Size)), new IPAddress(r.Bytes(4)), Optional(r, SafeId.Size) is { } id ? SafeId.Read(id) : null,
            Optional(r, HeadSize), r.ReadInt32());
        r.ReadEndArray();
        return read.Safe is null == read.Head is null && read.Entries >= 0 && read.Entries == 0 == read.Head is null
            && read.Network.Contains(read.DeviceAddress) && IsEndpoint(read.Endpoint) && Names.IsValid(read.Name)
            ? read
            : throw new MalformedException(Flaw.Damaged, Kind);
    });

    public string Write() => Armour.Write(Kind, Encode());

    /// <summary>HOST:PORT, with a name, an IPv4 address or a bracketed IPv6 address.</summary>
    public static bool IsEndpoint(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon < 1 || !ushort.TryParse(text.AsSpan(colon + 1), System.Globalization.NumberStyles.None, null, out ushort port) || port == 0)
        {
            return false;
        }

        string host = text[..colon];
        return host.StartsWith('[') && host.EndsWith(']')
            ? IPAddress.TryParse(host[1..^1], out var six) && six.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6
            : host.Length <= 253 && !host.StartsWith('-') && host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-');
    }

    private byte[] Encode() => Signed.Body(Label, 12, w =>
    {
        w.WriteTextString(Name);
        w.WriteTextString(Endpoint);
        w.WriteByteString(GatewayKey);
        w.WriteByteString(ServerPin);
        w.WriteByteString(Init);
        w.WriteByteString([.. Network.BaseAddress.GetAddressBytes(), (byte)Network.PrefixLength]);
        w.WriteByteString(Device.ToBytes());
        w.WriteByteString(DeviceAddress.GetAddressBytes());
        w.WriteByteString(Safe?.ToBytes() ?? []);
        w.WriteByteString(Head ?? []);
        w.WriteInt32(Entries);
    });

    private static IPNetwork ReadNetwork(CborReader r)
    {
        byte[] b = r.Bytes(5);
        return b[4] == 20 && (b[2] & 15) == 0 && b[3] == 0
            ? new IPNetwork(new IPAddress(b.AsSpan(0, 4)), 20)
            : throw new MalformedException(Flaw.Damaged, "network");
    }

    private static byte[]? Optional(CborReader r, int size) => r.BytesUpTo(size) switch
    {
        { Length: 0 } => null,
        var b when b.Length == size => b,
        _ => throw new MalformedException(Flaw.Damaged, Kind),
    };
}
