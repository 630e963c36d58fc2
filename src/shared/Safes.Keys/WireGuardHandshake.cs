using System.Buffers.Binary;
using System.Security.Cryptography;
using Geralt;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>
/// One handshake of WireGuard (whitepaper, 5.4) from the side that begins, to learn that whoever answers has the expected key and knows
/// this device: without an interface, and so without rights. The session's keys are never derived.
/// </summary>
public sealed class WireGuardHandshake : IDisposable
{
    public const int InitiationSize = 148, ResponseSize = 92;

    private const int Size = 32, TagSize = 16, StaticAt = 40, TimeAt = 88, MacAt = 116, InitiationType = 1, ResponseType = 2;

    private static ReadOnlySpan<byte> Construction => "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"u8;

    private static ReadOnlySpan<byte> Identifier => "WireGuard v1 zx2c4 Jason@zx2c4.com"u8;

    // Chaining key, hash, ephemeral private key.
    private readonly SecretBuffer state = SecretBuffer.Allocate(3 * Size);
    private readonly SecretBuffer device;
    private readonly byte[] initiation = new byte[InitiationSize];

    /// <param name="device">This device's private key; it stays the caller's.</param>
    /// <param name="now">The peer takes no time that is not later than the last it saw of this device.</param>
    public WireGuardHandshake(SecretBuffer device, ReadOnlySpan<byte> peer, DateTimeOffset now)
    {
        this.device = device;
        using var secret = state.Borrow();
        using var mine = device.Borrow();
        Span<byte> chain = secret.Span[..Size], hash = secret.Span.Slice(Size, Size), ephemeral = secret.Span[(2 * Size)..];
        Span<byte> key = stackalloc byte[Size], shared = stackalloc byte[Size], time = stackalloc byte[12], mac = stackalloc byte[Size];
        Blake2s.Hash(chain, [], Construction);
        chain.CopyTo(hash);
        Mix(hash, Identifier);
        Mix(hash, peer);

        BinaryPrimitives.WriteUInt32LittleEndian(initiation, InitiationType);
        RandomNumberGenerator.Fill(initiation.AsSpan(4, 4));
        RandomNumberGenerator.Fill(ephemeral);
        var sent = initiation.AsSpan(8, Size);
        X25519.ComputePublicKey(sent, ephemeral);
        Derive(chain, [], sent);
        Mix(hash, sent);

        X25519.ComputeSharedSecret(shared, ephemeral, peer);
        Derive(chain, key, shared);
        Span<byte> own = stackalloc byte[Size];
        X25519.ComputePublicKey(own, mine.Span);
        Seal(initiation.AsSpan(StaticAt, Size + TagSize), own, key, hash);

        X25519.ComputeSharedSecret(shared, mine.Span, peer);
        Derive(chain, key, shared);
        BinaryPrimitives.WriteUInt64BigEndian(time, (1UL << 62) + 10 + (ulong)now.ToUnixTimeSeconds());
        BinaryPrimitives.WriteUInt32BigEndian(time[8..], (uint)(now.Ticks % TimeSpan.TicksPerSecond * 100));
        Seal(initiation.AsSpan(TimeAt, 12 + TagSize), time, key, hash);

        Blake2s.Hash(mac, [], [.. "mac1----"u8, .. peer]);
        Blake2s.Hash(initiation.AsSpan(MacAt, 16), mac, initiation.AsSpan(0, MacAt));
        CryptographicOperations.ZeroMemory(key);
        CryptographicOperations.ZeroMemory(shared);
    }

    /// <summary>What to send.</summary>
    public ReadOnlyMemory<byte> Initiation => initiation;

    /// <summary>Whether this is the answer of the peer to what was sent; only who has its private key can make one.</summary>
    public bool IsAnswer(ReadOnlySpan<byte> response)
    {
        if (response.Length != ResponseSize || BinaryPrimitives.ReadUInt32LittleEndian(response) != ResponseType
            || !response.Slice(8, 4).SequenceEqual(initiation.AsSpan(4, 4)))
        {
            return false;
        }

        using var secret = state.Borrow();
        using var mine = device.Borrow();
        Span<byte> chain = stackalloc byte[Size], hash = stackalloc byte[Size], key = stackalloc byte[Size], shared = stackalloc byte[Size], mixed = stackalloc byte[Size];
        secret.Span[..Size].CopyTo(chain);
        secret.Span.Slice(Size, Size).CopyTo(hash);
        var theirs = response.Slice(12, Size);
        try
        {
            Derive(chain, [], theirs);
            Mix(hash, theirs);
            X25519.ComputeSharedSecret(shared, secret.Span[(2 * Size)..], theirs);
            Derive(chain, [], shared);
            X25519.ComputeSharedSecret(shared, mine.Span, theirs);
            Derive(chain, [], shared);
            shared.Clear();     // no key beyond the two pairs
            Derive(chain, mixed, shared, key);
            Mix(hash, mixed);
            Geralt.ChaCha20Poly1305.Decrypt([], response.Slice(44, TagSize), stackalloc byte[12], key, hash);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(chain);
            CryptographicOperations.ZeroMemory(key);
            CryptographicOperations.ZeroMemory(shared);
        }
    }

    public void Dispose() => state.Dispose();

    private static void Mix(Span<byte> hash, ReadOnlySpan<byte> with) => Blake2s.Hash(hash, [], [.. hash, .. with]);

    private static void Seal(Span<byte> to, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> key, Span<byte> hash)
    {
        Geralt.ChaCha20Poly1305.Encrypt(to, plain, stackalloc byte[12], key, hash);
        Mix(hash, to);
    }

    /// <summary>KDF1 to KDF3: the chain is replaced, <paramref name="second"/> and <paramref name="third"/> are made where there is room for them.</summary>
    private static void Derive(Span<byte> chain, Span<byte> second, ReadOnlySpan<byte> input, Span<byte> third = default)
    {
        Span<byte> seed = stackalloc byte[Size], next = stackalloc byte[Size + 1];
        Blake2s.Mac(seed, chain, input);
        Blake2s.Mac(chain, seed, [1]);
        chain.CopyTo(next);
        next[Size] = 2;
        if (!second.IsEmpty)
        {
            Blake2s.Mac(second, seed, next);
            second.CopyTo(next);
            next[Size] = 3;
        }

        if (!third.IsEmpty)
        {
            Blake2s.Mac(third, seed, next);
        }

        CryptographicOperations.ZeroMemory(seed);
        CryptographicOperations.ZeroMemory(next);
    }
}
