using System.Security.Cryptography;

namespace Safes.Keys;

/// <summary>What a sealed CK is for; a seal made for one purpose opens for no other.</summary>
public enum Purpose
{
    Claim,
    Join,
    Open,
    ChangeRoster,
}

/// <summary>
/// enc("safes/1/open", purpose, safe, device, both SPKIs, otpk, head, generation, hash of the request): ties a sealed secret to the
/// connection, the state of the safe and the request that it authorises.
/// </summary>
public static class OpenAad
{
    /// <param name="clientPin">SHA-256 of the device's TLS SPKI.</param>
    /// <param name="serverPin">SHA-256 of the hypervisor's TLS SPKI.</param>
    /// <param name="head">The roster's head before the request, 64 bytes; empty for <see cref="Purpose.Claim"/>.</param>
    /// <param name="generation">The header's generation before the request; 0 for <see cref="Purpose.Claim"/>.</param>
    /// <param name="request">
    /// What else the request says: the signed entry for claim and join, the entry and then the head after it for a change of the
    /// roster, nothing for open.
    /// </param>
    public static byte[] Encode(
        Purpose purpose, SafeId safe, DeviceId device, ReadOnlySpan<byte> clientPin, ReadOnlySpan<byte> serverPin,
        ReadOnlySpan<byte> oneTimePublicKey, ReadOnlySpan<byte> head, ulong generation, ReadOnlySpan<byte> request) =>
        CanonicalCbor.Encode(
            "safes/1/open", Word(purpose), safe, device, clientPin, serverPin, oneTimePublicKey, head, generation, SHA512.HashData(request));

    private static string Word(Purpose purpose) => purpose switch
    {
        Purpose.Claim => "claim",
        Purpose.Join => "join",
        Purpose.Open => "open",
        Purpose.ChangeRoster => "change-roster",
        _ => throw new ArgumentOutOfRangeException(nameof(purpose)),
    };
}
