using System.Security.Cryptography;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>
/// pwbox: a device's seed sealed under CK, with a commitment to CK in front so that a box opens under one key only. Kept by the
/// hypervisor alone, inside the header's table.
/// </summary>
public static class PasswordBox
{
    private const int CommitmentSize = 32;

    public const int Size = CommitmentSize + Aead.Overhead + KemKeyPair.SeedSize;

    public static byte[] Seal(SecretBuffer ck, SecretBuffer seed, SafeId safe, MemberId member, DeviceId device, ReadOnlySpan<byte> publicKey)
    {
        using var keys = Kdf.Derive(ck, [], "safes/1/pwbox"u8, 64);
        using var both = keys.Borrow();
        using var key = CopyOf(both.Span[CommitmentSize..]);
        using var plain = seed.Borrow();
        return [.. both.Span[..CommitmentSize], .. Aead.Seal(key, plain.Span, CanonicalCbor.Encode(safe, member, device, publicKey))];
    }

    /// <summary>The seed; null when CK is not the one, the box is another's, or there is none.</summary>
    public static SecretBuffer? Open(
        SecretBuffer ck, byte[]? box, SafeId safe, MemberId member, DeviceId device, ReadOnlySpan<byte> publicKey)
    {
        if (box?.Length != Size)
        {
            return null;
        }

        using var keys = Kdf.Derive(ck, [], "safes/1/pwbox"u8, 64);
        using var both = keys.Borrow();
        if (!CryptographicOperations.FixedTimeEquals(both.Span[..CommitmentSize], box.AsSpan(0, CommitmentSize)))
        {
            return null;
        }

        using var key = CopyOf(both.Span[CommitmentSize..]);
        var seed = SecretBuffer.Allocate(KemKeyPair.SeedSize);
        using var to = seed.Borrow();
        if (Aead.Open(to.Span, key, box.AsSpan(CommitmentSize), CanonicalCbor.Encode(safe, member, device, publicKey)))
        {
            return seed;
        }

        seed.Dispose();
        return null;
    }

    private static SecretBuffer CopyOf(ReadOnlySpan<byte> secret)
    {
        var copy = SecretBuffer.Allocate(secret.Length);
        using var to = copy.Borrow();
        secret.CopyTo(to.Span);
        return copy;
    }
}
