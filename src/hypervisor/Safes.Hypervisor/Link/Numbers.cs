using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Safes.Contracts;
using Safes.Contracts.Link;
using Safes.Linux;

namespace Safes.Hypervisor.Link;

/// <summary>What goes over the wire as numbers, and comes back out of them.</summary>
public static class Numbers
{
    public static (ulong High, ulong Low) Halves(ReadOnlySpan<byte> sixteen) =>
        (BinaryPrimitives.ReadUInt64BigEndian(sixteen), BinaryPrimitives.ReadUInt64BigEndian(sixteen[8..]));

    public static byte[] Sixteen(ulong high, ulong low)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, high);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), low);
        return bytes;
    }

    /// <summary>32 bytes.</summary>
    public static Pin Pin(ReadOnlySpan<byte> bytes)
    {
        var ((a, b), (c, d)) = (Halves(bytes[..16]), Halves(bytes[16..32]));
        return new Pin { A = a, B = b, C = c, D = d };
    }

    public static byte[] Bytes(Pin pin) => [.. Sixteen(pin.A, pin.B), .. Sixteen(pin.C, pin.D)];

    /// <summary>An IPv4 address.</summary>
    public static uint Four(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    public static IPAddress Four(uint address)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, address);
        return new IPAddress(bytes);
    }

    public static Address Of(IPAddress address)
    {
        if (address.AddressFamily is AddressFamily.InterNetwork)
        {
            return new Address { Low = Four(address) };
        }

        var (high, low) = Halves(address.GetAddressBytes());
        return new Address { Six = true, High = high, Low = low };
    }

    public static IPAddress Of(Address address) => address.Six ? new IPAddress(Sixteen(address.High, address.Low)) : Four((uint)address.Low);

    /// <summary>"10.0.0.0/8", or an address alone.</summary>
    public static Contracts.Link.Network Network(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        var address = IPAddress.Parse(slash < 0 ? text : text[..slash]);
        uint all = address.AddressFamily is AddressFamily.InterNetwork ? 32u : 128u;
        return new Contracts.Link.Network { Address = Of(address), Bits = slash < 0 ? all : uint.Parse(text.AsSpan(slash + 1), null) };
    }

    public static string Text(Contracts.Link.Network network) => $"{Of(network.Address)}/{network.Bits}";

    /// <summary>What a failure is on the wire: the exit status of its code, and the kernel's number where it was the kernel that refused.</summary>
    public static (uint Fault, int Errno) Of(Exception e) =>
        ((uint)Api.FaultMap.Of(e).Code.Exit, e is LinuxException l ? l.Number : 0);

    /// <summary>Null: nothing went wrong.</summary>
    public static Exception? Failure(uint fault, int errno, string detail = "") => fault == 0 ? null
        : errno != 0 ? new LinuxException("inside", "", errno)
        : detail.Length == 0 ? new FaultException(CodeOf(fault)) : new FaultException(CodeOf(fault), ("detail", detail));

    public static FaultCode CodeOf(uint exit) => FaultCodes.All.FirstOrDefault(c => c.Exit == exit) ?? FaultCodes.Internal;
}
