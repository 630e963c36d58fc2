using System.Security.Cryptography;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>H(ikm, salt, info)[n] of the specification: HKDF-SHA512 (RFC 5869), every intermediate in locked memory.</summary>
public static class Kdf
{
    public static SecretBuffer Derive(SecretBuffer ikm, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> info, int length = 32)
    {
        var output = SecretBuffer.Allocate(length);
        using var prk = SecretBuffer.Allocate(Sodium.PrkSize);
        using var from = ikm.Borrow();
        using var middle = prk.Borrow();
        using var to = output.Borrow();
        Sodium.Extract(middle.Span, salt, from.Span);
        Sodium.Expand(to.Span, middle.Span, info);
        return output;
    }

    /// <summary>With the label as info and no salt.</summary>
    public static SecretBuffer Derive(SecretBuffer ikm, ReadOnlySpan<byte> label) => Derive(ikm, [], label);

    /// <summary>HMAC-SHA512, 64 bytes.</summary>
    public static byte[] Mac(SecretBuffer key, ReadOnlySpan<byte> message)
    {
        byte[] mac = new byte[Sodium.MacSize];
        using var state = SecretBuffer.Allocate(Sodium.StateSize);
        using var working = state.Borrow();
        using var k = key.Borrow();
        Sodium.Mac(mac, working.Span, k.Span, message);
        return mac;
    }

    /// <summary>Whether <paramref name="mac"/> is the one, in constant time.</summary>
    public static bool VerifyMac(SecretBuffer key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> mac) =>
        CryptographicOperations.FixedTimeEquals(Mac(key, message), mac);
}
