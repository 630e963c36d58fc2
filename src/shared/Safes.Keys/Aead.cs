using System.Security.Cryptography;
using Geralt;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>XChaCha20-Poly1305, every ciphertext preceded by its 24 random bytes of nonce.</summary>
internal static class Aead
{
    public const int Overhead = XChaCha20Poly1305.NonceSize + XChaCha20Poly1305.TagSize;

    public static byte[] Seal(SecretBuffer key, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> aad)
    {
        byte[] box = new byte[plaintext.Length + Overhead];
        var nonce = box.AsSpan(0, XChaCha20Poly1305.NonceSize);
        RandomNumberGenerator.Fill(nonce);
        using var k = key.Borrow();
        XChaCha20Poly1305.Encrypt(box.AsSpan(nonce.Length), plaintext, nonce, k.Span, aad);
        return box;
    }

    /// <summary>Fills <paramref name="plaintext"/>, or says that key, box or associated data are not the right ones.</summary>
    public static bool Open(Span<byte> plaintext, SecretBuffer key, ReadOnlySpan<byte> box, ReadOnlySpan<byte> aad)
    {
        if (box.Length != plaintext.Length + Overhead)
        {
            return false;
        }

        using var k = key.Borrow();
        try
        {
            XChaCha20Poly1305.Decrypt(plaintext, box[XChaCha20Poly1305.NonceSize..], box[..XChaCha20Poly1305.NonceSize], k.Span, aad);
            return true;
        }
        catch (CryptographicException)
        {
            CryptographicOperations.ZeroMemory(plaintext);
            return false;
        }
    }
}
