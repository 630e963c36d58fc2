using Safes.Secrets;

namespace Safes.Keys;

/// <summary>Seal(otpk, m, aad): a secret on its way to safed, to a key that is used once and then wiped.</summary>
public static class OneTimeSeal
{
    public const int Overhead = KemKeyPair.CiphertextSize + Aead.Overhead;

    public static byte[] Seal(ReadOnlySpan<byte> oneTimePublicKey, SecretBuffer message, ReadOnlySpan<byte> aad)
    {
        byte[] ct = new byte[KemKeyPair.CiphertextSize];
        using var shared = KemKeyPair.Encapsulate(oneTimePublicKey, ct);
        using var key = Kdf.Derive(shared, [], CanonicalCbor.Encode("safes/1/seal", ct, oneTimePublicKey));
        using var plain = message.Borrow();
        return [.. ct, .. Aead.Seal(key, plain.Span, aad)];
    }

    /// <summary>The message of exactly <paramref name="length"/> bytes; null when it was sealed to another key, for another purpose, or changed.</summary>
    public static SecretBuffer? Open(SecretBuffer oneTimeSeed, ReadOnlySpan<byte> box, ReadOnlySpan<byte> aad, int length)
    {
        if (box.Length != Overhead + length)
        {
            return null;
        }

        byte[] ct = box[..KemKeyPair.CiphertextSize].ToArray();
        using var shared = KemKeyPair.Decapsulate(oneTimeSeed, ct);
        if (shared is null)
        {
            return null;
        }

        using var key = Kdf.Derive(shared, [], CanonicalCbor.Encode("safes/1/seal", ct, KemKeyPair.PublicKey(oneTimeSeed)));
        var message = SecretBuffer.Allocate(length);
        using var to = message.Borrow();
        if (Aead.Open(to.Span, key, box[ct.Length..], aad))
        {
            return message;
        }

        message.Dispose();
        return null;
    }
}
