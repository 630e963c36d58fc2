using System.Formats.Cbor;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Roster;

/// <summary>An array of two byte strings: a body and the Ed25519 signature over it. The body's label keeps the kinds apart.</summary>
public static class Signed
{
    public const int MostBody = 8 * 1024;

    public static byte[] Write(SecretBuffer signingSeed, byte[] body) => CanonicalCbor.Encode(body, SigningKey.Sign(signingSeed, body));

    public static (byte[] Body, byte[] Signature) Read(byte[] bytes, string what) => CanonicalCbor.Decode(bytes, what, r =>
    {
        r.Array(2);
        var both = (r.BytesUpTo(MostBody), r.Bytes(SigningKey.SignatureSize));
        r.ReadEndArray();
        return both;
    });

    /// <summary>A canonical array: a label and what <paramref name="write"/> adds to it.</summary>
    public static byte[] Body(string label, int elements, Action<CborWriter> write)
    {
        var writer = new CborWriter(CborConformanceMode.Canonical);
        writer.WriteStartArray(elements);
        writer.WriteTextString(label);
        write(writer);
        writer.WriteEndArray();
        return writer.Encode();
    }
}
