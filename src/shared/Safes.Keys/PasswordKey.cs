using Safes.Secrets;

namespace Safes.Keys;

/// <summary>What a device adds to its password: DS and the salt, neither of which tests a password.</summary>
public sealed record DeviceSecret(SecretBuffer Secret, byte[] Salt)
{
    public const int SecretSize = 32, SaltSize = 32;
}

/// <summary>CK: the key that a password becomes on its own device, for one safe.</summary>
public static class PasswordKey
{
    public const int Size = 32;

    /// <summary>Bytes that a hash could take now; <see cref="long.MaxValue"/> where the system does not say.</summary>
    public static long FreeMemory => MemoryRoom.OfThisMachine.Free;

    /// <param name="passwordUtf8">The password as typed, exactly as long as the buffer.</param>
    /// <exception cref="PasswordException">It cannot be used as a password on any device.</exception>
    /// <exception cref="NotEnoughMemoryException">Nothing was hashed.</exception>
    public static SecretBuffer Derive(
        SecretBuffer passwordUtf8, DeviceSecret device, SafeId safe, MemberId member, DeviceId id, Argon2Parameters cost)
    {
        using var normal = PasswordText.Normalise(passwordUtf8);
        MemoryRoom.OfThisMachine.Require(cost.MemoryKiB * 1024L);
        using var ikm = SecretBuffer.Allocate(32 + DeviceSecret.SecretSize);
        using (var password = normal.Borrow())
        using (var to = ikm.Borrow())
        using (var secret = device.Secret.Borrow())
        {
            try
            {
                Geralt.Argon2id.DeriveKey(to.Span[..32], password.Span, Salt(device.Salt), cost.Passes, cost.MemoryKiB * 1024);
            }
            catch (InsufficientMemoryException)
            {
                throw new NotEnoughMemoryException(cost.MemoryKiB * 1024L, MemoryRoom.OfThisMachine.Free);
            }

            secret.Span.CopyTo(to.Span[32..]);
        }

        return Kdf.Derive(ikm, device.Salt, CanonicalCbor.Encode("safes/1/ck", safe, member, id));
    }

    /// <summary>H(salt32, "", "safes/1/pwsalt")[16]. Not secret.</summary>
    private static byte[] Salt(byte[] salt)
    {
        using var from = SecretBuffer.Take([.. salt]);
        using var derived = Kdf.Derive(from, [], "safes/1/pwsalt"u8, 16);
        using var bytes = derived.Borrow();
        return bytes.Span.ToArray();
    }
}
