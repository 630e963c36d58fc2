using Geralt;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>WireGuard's X25519 keys, 32 bytes each.</summary>
public static class WireGuardKey
{
    public const int Size = 32;

    /// <summary>A private key, clamped as `wg genkey` does.</summary>
    public static SecretBuffer New()
    {
        var key = SecretBuffer.Random(Size);
        using var lease = key.Borrow();
        lease.Span[0] &= 248;
        lease.Span[31] = (byte)((lease.Span[31] & 127) | 64);
        return key;
    }

    public static byte[] PublicKey(SecretBuffer privateKey)
    {
        byte[] pk = new byte[Size];
        using var lease = privateKey.Borrow();
        X25519.ComputePublicKey(pk, lease.Span);
        return pk;
    }
}
