using Safes.Secrets;

namespace Safes.Keys;

/// <summary>The roster as the hypervisor keeps it: sealed under H(HS_epoch, "", "safes/1/roster").</summary>
public static class RosterBox
{
    public static byte[] Seal(SecretBuffer serverSecret, SafeId safe, uint epoch, ReadOnlySpan<byte> roster)
    {
        using var key = Kdf.Derive(serverSecret, "safes/1/roster"u8);
        return Aead.Seal(key, roster, CanonicalCbor.Encode("safes/1/roster", safe, epoch));
    }

    /// <summary>Null when it is another's, another epoch's, or changed.</summary>
    public static byte[]? Open(SecretBuffer serverSecret, SafeId safe, uint epoch, ReadOnlySpan<byte> box)
    {
        if (box.Length < Aead.Overhead)
        {
            return null;
        }

        using var key = Kdf.Derive(serverSecret, "safes/1/roster"u8);
        byte[] roster = new byte[box.Length - Aead.Overhead];
        return Aead.Open(roster, key, box, CanonicalCbor.Encode("safes/1/roster", safe, epoch)) ? roster : null;
    }
}
