using Geralt;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>Ed25519, the private key as its seed of 32 bytes.</summary>
public static class SigningKey
{
    public const int SeedSize = Ed25519.SeedSize, PublicKeySize = Ed25519.PublicKeySize, SignatureSize = Ed25519.SignatureSize;

    public static byte[] PublicKey(SecretBuffer seed)
    {
        byte[] pk = new byte[PublicKeySize];
        using var expanded = Expand(seed, pk);
        return pk;
    }

    public static byte[] Sign(SecretBuffer seed, ReadOnlySpan<byte> message)
    {
        byte[] signature = new byte[SignatureSize];
        using var expanded = Expand(seed, new byte[PublicKeySize]);
        using var key = expanded.Borrow();
        Ed25519.Sign(signature, message, key.Span);
        return signature;
    }

    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) =>
        publicKey.Length == PublicKeySize && signature.Length == SignatureSize && Ed25519.Verify(signature, message, publicKey);

    private static SecretBuffer Expand(SecretBuffer seed, byte[] pk)
    {
        var key = SecretBuffer.Allocate(Ed25519.PrivateKeySize);
        using var to = key.Borrow();
        using var from = seed.Borrow();
        Ed25519.GenerateKeyPair(pk, to.Span, from.Span);
        return key;
    }
}
