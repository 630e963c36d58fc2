using System.Security.Cryptography;
using Geralt;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>X-Wing (draft-connolly-cfrg-xwing-kem): X25519 and ML-KEM-768 in one. The private key is its seed of 32 bytes.</summary>
public static class KemKeyPair
{
    public const int SeedSize = XWing.SeedSize, PublicKeySize = XWing.PublicKeySize, CiphertextSize = XWing.CiphertextSize;

    /// <summary>A fresh seed.</summary>
    public static SecretBuffer NewSeed() => SecretBuffer.Random(SeedSize);

    public static byte[] PublicKey(SecretBuffer seed)
    {
        byte[] pk = new byte[PublicKeySize];
        using var copy = SecretBuffer.Allocate(XWing.PrivateKeySize);
        using var to = copy.Borrow();
        using var from = seed.Borrow();
        XWing.GenerateKeyPair(pk, to.Span, from.Span);
        return pk;
    }

    /// <summary>A shared secret for the owner of <paramref name="publicKey"/>, and the ciphertext that leads him to it.</summary>
    /// <exception cref="MalformedException">Not a public key of X-Wing.</exception>
    internal static SecretBuffer Encapsulate(ReadOnlySpan<byte> publicKey, Span<byte> ciphertext)
    {
        if (publicKey.Length != PublicKeySize)
        {
            throw new MalformedException(Flaw.Damaged, "an X-Wing public key has 1216 bytes");
        }

        var secret = SecretBuffer.Allocate(XWing.SharedSecretSize);
        try
        {
            using var to = secret.Borrow();
            XWing.Encapsulate(to.Span, ciphertext, publicKey);
            return secret;
        }
        catch (CryptographicException e)
        {
            secret.Dispose();
            throw new MalformedException(Flaw.Damaged, "not an X-Wing public key", e);
        }
    }

    /// <summary>Null when the ciphertext cannot be one. A wrong one of the right form yields a secret that opens nothing.</summary>
    internal static SecretBuffer? Decapsulate(SecretBuffer seed, ReadOnlySpan<byte> ciphertext)
    {
        var secret = SecretBuffer.Allocate(XWing.SharedSecretSize);
        try
        {
            using var to = secret.Borrow();
            using var from = seed.Borrow();
            XWing.Decapsulate(to.Span, ciphertext, from.Span);
            return secret;
        }
        catch (CryptographicException)
        {
            secret.Dispose();
            return null;
        }
    }
}
