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

/// <summary>
/// One key per connection, good for 30 s of boot time and for one use. Asking again replaces the one before, which is wiped first: how often
/// a connection asks, and how many ask at once, it has one key's memory.
/// </summary>
public sealed class OneTimeKeys(TimeProvider clock) : IDisposable
{
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    /// <summary>So many connections have a key at most. One more takes the oldest of the device that has the most.</summary>
    public const int Most = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<string, (OneTimeKey Key, string Device)> keys = [];

    private TimeSpan Now => clock.GetElapsedTime(0);

    /// <summary>A fresh key for a connection of a device. It stays this class's to wipe.</summary>
    public OneTimeKey Issue(string connection, string device = "")
    {
        lock (gate)
        {
            Drop(connection);
            DropExpired();
            if (keys.Count >= Most)
            {
                Drop(keys.GroupBy(k => k.Value.Device).MaxBy(g => g.Count())!.MinBy(k => k.Value.Key.Until).Key);
            }

            var seed = KemKeyPair.NewSeed();
            try
            {
                var key = new OneTimeKey(KemKeyPair.PublicKey(seed), seed, SecretBuffer.Random(VolumeKeys.MasterSize), Now + Life);
                keys.Add(connection, (key, device));
                return key;
            }
            catch
            {
                seed.Dispose();
                throw;
            }
        }
    }

    /// <summary>Hands the key over for its only use; the caller disposes it.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.Expired"/>: none was issued, it is older than 30 s, or used.</exception>
    public OneTimeKey Take(string connection, ReadOnlySpan<byte> publicKey)
    {
        lock (gate)
        {
            if (!keys.Remove(connection, out var issued))
            {
                throw new FaultException(FaultCodes.Expired);
            }

            if (issued.Key.Until < Now || !publicKey.SequenceEqual(issued.Key.PublicKey))
            {
                issued.Key.Dispose();
                throw new FaultException(FaultCodes.Expired);
            }

            return issued.Key;
        }
    }

    /// <summary>The connection ended.</summary>
    public void Drop(string connection)
    {
        lock (gate)
        {
            if (keys.Remove(connection, out var issued))
            {
                issued.Key.Dispose();
            }
        }
    }

    /// <summary>Wipes what nobody used in time. Called with every issue, and to be called now and then.</summary>
    public void DropExpired()
    {
        lock (gate)
        {
            var now = Now;
            foreach (string connection in keys.Where(k => k.Value.Key.Until < now).Select(k => k.Key).ToArray())
            {
                Drop(connection);
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            foreach (string connection in keys.Keys.ToArray())
            {
                Drop(connection);
            }
        }
    }
}
