using System.Collections.Concurrent;
using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Lifecycle;
using Safes.Secrets;
using Safes.Volumes;

namespace Safes.Hypervisor.Effects;

/// <summary>Opened keys on their way from the request that brought CK to the kernel; wiped as soon as they have been used, or refused.</summary>
public sealed class KeySlots : IDisposable
{
    /// <summary>The claim's keys, which belong to no session.</summary>
    public static readonly SessionId Claim;

    private readonly ConcurrentDictionary<SessionId, OpenedKeys> slots = new();

    public void Put(SessionId session, OpenedKeys keys) => slots[session] = keys;

    public OpenedKeys Get(SafeState planned) =>
        slots.GetValueOrDefault(Owner(planned)) ?? throw new OperationCanceledException("the keys of this opening are gone");

    public void Wipe(SafeState planned) => Wipe(Owner(planned));

    public void Wipe(SessionId session)
    {
        if (slots.TryRemove(session, out var keys))
        {
            keys.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var session in slots.Keys)
        {
            Wipe(session);
        }
    }

    /// <summary>What the kernel will call the key by, before it has it (fscrypt's HKDF-SHA512, context 1).</summary>
    public static KeyIdentifier IdentifierOf(SecretBuffer volumeKey)
    {
        using var derived = Kdf.Derive(volumeKey, "fscrypt\0\x01"u8);
        using var bytes = derived.Borrow();
        return new KeyIdentifier(bytes.Span[..KeyIdentifier.Length]);
    }

    private static SessionId Owner(SafeState planned) => planned is Lifecycle.Opening { For: Work w } ? w.Opener.Id : Claim;
}
