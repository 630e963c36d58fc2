using System.Formats.Cbor;

namespace Safes.Keys;

/// <summary>enc(..) of the specification: one definite-length array of texts, byte strings and unsigned numbers in RFC 8949's canonical form.</summary>
public static class CanonicalCbor
{
    public static byte[] Encode(params ReadOnlySpan<CborPart> parts)
    {
        var writer = new CborWriter(CborConformanceMode.Canonical);
        writer.WriteStartArray(parts.Length);
        foreach (var part in parts)
        {
            part.Write(writer);
        }

        writer.WriteEndArray();
        return writer.Encode();
    }

    /// <summary>Reads exactly one canonical value that fills <paramref name="bytes"/>.</summary>
    /// <exception cref="MalformedException">Not canonical, cut, followed by more, or not what <paramref name="read"/> expects.</exception>
    public static T Decode<T>(ReadOnlyMemory<byte> bytes, string what, Func<CborReader, T> read)
    {
        try
        {
            var reader = new CborReader(bytes, CborConformanceMode.Canonical);
            var value = read(reader);
            return reader.BytesRemaining == 0 ? value : throw new MalformedException(Flaw.Damaged, $"{what}: more than it should be");
        }
        catch (Exception e) when (e is CborContentException or InvalidOperationException or OverflowException or ArgumentException)
        {
            throw new MalformedException(Flaw.Damaged, what, e);
        }
    }
}

/// <summary>One element of an encoded array.</summary>
public readonly struct CborPart
{
    private readonly string? text;
    private readonly byte[]? bytes;
    private readonly ulong number;

    private CborPart(string? text, byte[]? bytes, ulong number) => (this.text, this.bytes, this.number) = (text, bytes, number);

    public static implicit operator CborPart(string text) => new(text, null, 0);

    public static implicit operator CborPart(byte[] bytes) => new(null, bytes, 0);

    public static implicit operator CborPart(ReadOnlySpan<byte> bytes) => new(null, bytes.ToArray(), 0);

    public static implicit operator CborPart(ulong number) => new(null, null, number);

    public static implicit operator CborPart(SafeId id) => id.ToBytes();

    public static implicit operator CborPart(MemberId id) => id.ToBytes();

    public static implicit operator CborPart(DeviceId id) => id.ToBytes();

    internal void Write(CborWriter writer)
    {
        if (text is not null)
        {
            writer.WriteTextString(text);
        }
        else if (bytes is not null)
        {
            writer.WriteByteString(bytes);
        }
        else
        {
            writer.WriteUInt64(number);
        }
    }
}
