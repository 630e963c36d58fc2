using System.Buffers.Binary;
using Safes.Contracts;

namespace Safes.Hypervisor.Resident;

/// <summary>The beginning of a TLS connection (RFC 8446, 4.1.2), read as far as it says by ALPN (RFC 7301) which server is meant.</summary>
public static class ClientHello
{
    /// <summary>In bytes: what is not said by then is not said.</summary>
    public const int Longest = 16 << 10;

    private const int RecordHead = 5, MessageHead = 4;
    private const byte Handshake = 22, Hello = 1;
    private const ushort ApplicationProtocols = 16;

    public enum Kind
    {
        /// <summary>More has to come before it can be told.</summary>
        More,

        /// <summary>The inside is meant.</summary>
        Inside,

        /// <summary>Anything else, also what is no TLS: whoever takes it says so.</summary>
        Other,

        /// <summary>It ended.</summary>
        Nothing,
    }

    public static Kind Read(ReadOnlySpan<byte> seen)
    {
        if (seen.Length < RecordHead)
        {
            return Kind.More;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(seen[3..]);
        if (seen[0] != Handshake || length > Longest - RecordHead || length < MessageHead)
        {
            return Kind.Other;
        }

        return seen.Length < RecordHead + length ? Kind.More : Means(seen.Slice(RecordHead, length)) ? Kind.Inside : Kind.Other;
    }

    private static bool Means(ReadOnlySpan<byte> message)
    {
        if (message[0] != Hello)
        {
            return false;
        }

        var rest = message[MessageHead..];
        // version and random, session id, cipher suites, compression methods, extensions
        if (!Skip(ref rest, 34) || !SkipVector(ref rest, 1) || !SkipVector(ref rest, 2) || !SkipVector(ref rest, 1) || !Vector(ref rest, 2, out var extensions))
        {
            return false;
        }

        while (extensions.Length >= 4)
        {
            ushort kind = BinaryPrimitives.ReadUInt16BigEndian(extensions);
            extensions = extensions[2..];
            if (!Vector(ref extensions, 2, out var body))
            {
                return false;
            }

            if (kind == ApplicationProtocols)
            {
                return Vector(ref body, 2, out var names) && Names(names);
            }
        }

        return false;
    }

    private static bool Names(ReadOnlySpan<byte> names)
    {
        while (!names.IsEmpty && Vector(ref names, 1, out var name))
        {
            if (name.SequenceEqual(InsideProtocol.Name.Span))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Skip(ref ReadOnlySpan<byte> rest, int length)
    {
        bool there = rest.Length >= length;
        rest = there ? rest[length..] : rest;
        return there;
    }

    private static bool SkipVector(ref ReadOnlySpan<byte> rest, int lengthBytes) => Vector(ref rest, lengthBytes, out _);

    private static bool Vector(ref ReadOnlySpan<byte> rest, int lengthBytes, out ReadOnlySpan<byte> body)
    {
        body = default;
        if (rest.Length < lengthBytes)
        {
            return false;
        }

        int length = lengthBytes == 1 ? rest[0] : BinaryPrimitives.ReadUInt16BigEndian(rest);
        rest = rest[lengthBytes..];
        if (rest.Length < length)
        {
            return false;
        }

        body = rest[..length];
        rest = rest[length..];
        return true;
    }
}
