using Safes.Secrets;

namespace Safes.Keys;

/// <summary>The file on the volume that repeats the header's generation: a volume of another safe, or an older copy, is noticed.</summary>
public static class Marker
{
    public const int MostBytes = 256;

    public static byte[] Write(SecretBuffer markerKey, SafeId safe, ulong generation)
    {
        byte[] content = CanonicalCbor.Encode("safes/1/marker", safe, generation);
        return CanonicalCbor.Encode(content, Kdf.Mac(markerKey, content));
    }

    /// <summary>The generation that the marker names; null when it is not this safe's, or not made with this key.</summary>
    public static ulong? Read(SecretBuffer markerKey, SafeId safe, ReadOnlySpan<byte> marker)
    {
        if (marker.Length > MostBytes)
        {
            return null;
        }

        try
        {
            var (content, mac) = CanonicalCbor.Decode(marker.ToArray(), "marker", r =>
            {
                r.Array(2);
                var both = (r.BytesUpTo(MostBytes), r.Bytes(64));
                r.ReadEndArray();
                return both;
            });
            if (!Kdf.VerifyMac(markerKey, content, mac))
            {
                return null;
            }

            return CanonicalCbor.Decode(content, "marker", r =>
            {
                r.LabelledArray("safes/1/marker", 3);
                bool ours = SafeId.Read(r.Bytes(SafeId.Size)) == safe;
                ulong generation = r.ReadUInt64();
                r.ReadEndArray();
                return ours ? generation : (ulong?)null;
            });
        }
        catch (MalformedException)
        {
            return null;
        }
    }
}
