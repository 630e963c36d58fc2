using System.Security.Cryptography;

namespace Safes.Keys;

/// <summary>80 bits of SHA-512 for two people to compare by voice: sixteen characters of Crockford's alphabet in four groups.</summary>
public static class Fingerprint
{
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    public static string Of(ReadOnlySpan<byte> bytes)
    {
        byte[] hash = SHA512.HashData(bytes);
        var text = new System.Text.StringBuilder(19);
        for (int i = 0; i < 16; i++)
        {
            int bit = i * 5;
            int pair = (hash[bit / 8] << 8) | hash[(bit / 8) + 1];
            _ = text.Append(i is 4 or 8 or 12 ? "-" : "").Append(Alphabet[(pair >> (11 - (bit % 8))) & 31]);
        }

        return text.ToString();
    }
}
