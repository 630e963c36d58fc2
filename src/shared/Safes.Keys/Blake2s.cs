using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Safes.Keys;

/// <summary>BLAKE2s (RFC 7693), which WireGuard is made of and libsodium has not. Short inputs only: nothing here is made for speed.</summary>
internal static class Blake2s
{
    public const int Size = 32;

    private const int BlockSize = 64;

    private static ReadOnlySpan<uint> Start => [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    private static ReadOnlySpan<byte> Order =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
        11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
        9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
        12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
        6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
    ];

    /// <summary>Of at most 32 bytes, with a key of at most 32 bytes or none.</summary>
    public static void Hash(Span<byte> output, ReadOnlySpan<byte> key, ReadOnlySpan<byte> message)
    {
        Span<uint> h = stackalloc uint[8];
        Start.CopyTo(h);
        h[0] ^= 0x01010000u ^ ((uint)key.Length << 8) ^ (uint)output.Length;
        Span<byte> block = stackalloc byte[BlockSize];
        ulong count = 0;
        if (key.Length > 0)
        {
            key.CopyTo(block);
            count = BlockSize;
            Compress(h, block, count, last: message.IsEmpty);
        }

        for (; message.Length > 0 || count == 0; message = message[Math.Min(BlockSize, message.Length)..])
        {
            int n = Math.Min(BlockSize, message.Length);
            block.Clear();
            message[..n].CopyTo(block);
            count += (ulong)n;
            bool last = message.Length <= BlockSize;
            Compress(h, block, count, last);
            if (last)
            {
                break;
            }
        }

        Span<byte> all = stackalloc byte[Size];
        for (int i = 0; i < 8; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(all[(4 * i)..], h[i]);
        }

        all[..output.Length].CopyTo(output);
        CryptographicOperations.ZeroMemory(block);
        CryptographicOperations.ZeroMemory(all);
    }

    /// <summary>HMAC (RFC 2104) with a key of 32 bytes.</summary>
    public static void Mac(Span<byte> output, ReadOnlySpan<byte> key, ReadOnlySpan<byte> message)
    {
        Span<byte> inner = stackalloc byte[BlockSize + message.Length], outer = stackalloc byte[BlockSize + Size];
        inner[..BlockSize].Fill(0x36);
        outer[..BlockSize].Fill(0x5c);
        for (int i = 0; i < key.Length; i++)
        {
            inner[i] ^= key[i];
            outer[i] ^= key[i];
        }

        message.CopyTo(inner[BlockSize..]);
        Hash(outer[BlockSize..], [], inner);
        Hash(output, [], outer);
        CryptographicOperations.ZeroMemory(inner);
        CryptographicOperations.ZeroMemory(outer);
    }

    private static void Compress(Span<uint> h, ReadOnlySpan<byte> block, ulong count, bool last)
    {
        Span<uint> v = stackalloc uint[16], m = stackalloc uint[16];
        for (int i = 0; i < 16; i++)
        {
            m[i] = BinaryPrimitives.ReadUInt32LittleEndian(block[(4 * i)..]);
            v[i] = i < 8 ? h[i] : Start[i - 8];
        }

        v[12] ^= (uint)count;
        v[13] ^= (uint)(count >> 32);
        v[14] ^= last ? uint.MaxValue : 0;
        for (int round = 0; round < 10; round++)
        {
            var s = Order[(16 * round)..];
            Mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
            Mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
            Mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
            Mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
            Mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
            Mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
            Mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
            Mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
        }

        for (int i = 0; i < 8; i++)
        {
            h[i] ^= v[i] ^ v[i + 8];
        }

        v.Clear();
        m.Clear();
    }

    private static void Mix(Span<uint> v, int a, int b, int c, int d, uint x, uint y)
    {
        v[a] += v[b] + x;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 12);
        v[a] += v[b] + y;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 8);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 7);
    }
}
