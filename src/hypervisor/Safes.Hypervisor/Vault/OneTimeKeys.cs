using System.Collections.Concurrent;
using Safes.Contracts;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>A key that one request of one connection seals its secret to.</summary>
/// <param name="ServerShare">rs, 32 bytes: what the server puts into the key of a safe that is about to be claimed.</param>
public sealed record OneTimeKey(byte[] PublicKey, SecretBuffer Seed, SecretBuffer ServerShare, TimeSpan Until) : IDisposable
{
    public void Dispose()
    {
        Seed.Dispose();
        ServerShare.Dispose();
    }
}

/// <summary>One key per connection, good for 30 s of boot time and for one use. Asking again replaces the one before.</summary>
public sealed class OneTimeKeys(TimeProvider clock) : IDisposable
{
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, OneTimeKey> keys = new();

    private TimeSpan Now => clock.GetElapsedTime(0);

    /// <summary>A fresh key for a connection. It stays this class's to wipe.</summary>
    public OneTimeKey Issue(string connection)
    {
        Drop(connection);
        DropExpired();
        var seed = KemKeyPair.NewSeed();
        var key = new OneTimeKey(KemKeyPair.PublicKey(seed), seed, SecretBuffer.Random(VolumeKeys.MasterSize), Now + Life);
        keys[connection] = key;
        return key;
    }

    /// <summary>Hands the key over for its only use; the caller disposes it.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.Expired"/>: none was issued, it is older than 30 s, or used.</exception>
    public OneTimeKey Take(string connection, ReadOnlySpan<byte> publicKey)
    {
        if (!keys.TryRemove(connection, out var key))
        {
            throw new FaultException(FaultCodes.Expired);
        }

        if (key.Until < Now || !publicKey.SequenceEqual(key.PublicKey))
        {
            key.Dispose();
            throw new FaultException(FaultCodes.Expired);
        }

        return key;
    }

    /// <summary>The connection ended.</summary>
    public void Drop(string connection)
    {
        if (keys.TryRemove(connection, out var key))
        {
            key.Dispose();
        }
    }

    /// <summary>Wipes what nobody used in time. Called with every issue, and to be called now and then.</summary>
    public void DropExpired()
    {
        var now = Now;
        foreach (var (connection, key) in keys)
        {
            if (key.Until < now)
            {
                Drop(connection);
            }
        }
    }

    public void Dispose()
    {
        foreach (string connection in keys.Keys)
        {
            Drop(connection);
        }
    }
}
