using Safes.Secrets;

namespace Safes.Keys;

/// <summary>vmkbox: the volume master key sealed to a device's public key, for one epoch.</summary>
public static class VolumeKeyBox
{
    public const int Size = KemKeyPair.CiphertextSize + Aead.Overhead + VolumeKeys.MasterSize;

    public static byte[] Seal(ReadOnlySpan<byte> publicKey, SecretBuffer vmk, SafeId safe, DeviceId device, uint epoch)
    {
        byte[] ct = new byte[KemKeyPair.CiphertextSize];
        using var shared = KemKeyPair.Encapsulate(publicKey, ct);
        using var key = Kdf.Derive(shared, [], Info(safe, device, publicKey, ct, epoch));
        using var plain = vmk.Borrow();
        return [.. ct, .. Aead.Seal(key, plain.Span, [])];
    }

    /// <summary>VMK; null when the seed is not the one that the box was sealed to.</summary>
    public static SecretBuffer? Open(SecretBuffer seed, ReadOnlySpan<byte> box, SafeId safe, DeviceId device, uint epoch)
    {
        if (box.Length != Size)
        {
            return null;
        }

        byte[] ct = box[..KemKeyPair.CiphertextSize].ToArray();
        using var shared = KemKeyPair.Decapsulate(seed, ct);
        if (shared is null)
        {
            return null;
        }

        using var key = Kdf.Derive(shared, [], Info(safe, device, KemKeyPair.PublicKey(seed), ct, epoch));
        var vmk = SecretBuffer.Allocate(VolumeKeys.MasterSize);
        using var to = vmk.Borrow();
        if (Aead.Open(to.Span, key, box[ct.Length..], []))
        {
            return vmk;
        }

        vmk.Dispose();
        return null;
    }

    private static byte[] Info(SafeId safe, DeviceId device, ReadOnlySpan<byte> publicKey, byte[] ct, uint epoch) =>
        CanonicalCbor.Encode("safes/1/vmk", safe, device, publicKey, ct, epoch);
}
