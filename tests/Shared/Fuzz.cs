using CsCheck;
using Safes.Linux;

namespace Safes.Fuzzing;

/// <summary>
/// Feeds a parser with any bytes, and with right ones that were damaged: what it throws other than its documented failure, what takes over a
/// second or takes more memory than the bytes are worth fails, with a seed to run it again. SAFES_FUZZ_SECONDS says for how long, a second otherwise.
/// </summary>
internal static class Fuzz
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    // What a reader of CBOR, JSON, protobuf or of lengths may be led astray by.
    private static readonly byte[][] Bait =
    [
        [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff], [0, 0, 0, 0], [0x80, 0, 0, 0], [0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x9a, 0x7f, 0xff, 0xff, 0xff],
        [0x9f], [0x5f], [0x7f], [0xf6], [0xfb, 0, 0, 0, 0, 0, 0, 0, 0], [0xc2, 0x40], [0x38, 0x18], [0xbf], [0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [.. "\"\\ud800\""u8], [.. "null"u8], [.. "-1"u8], [.. "1e999"u8], [.. "9223372036854775808"u8], [.. "{"u8], [.. "[[[["u8],
        [.. "\n"u8], [.. "\"\""u8], [0xc3], [0xed, 0xa0, 0x80], [0],
    ];

    /// <summary>Seconds for each parser.</summary>
    public static int Seconds { get; } = int.TryParse(Environment.GetEnvironmentVariable("SAFES_FUZZ_SECONDS"), out int n) && n > 0 ? n : 1;

    /// <param name="right">What the parser accepts, or the parts of what it accepts.</param>
    /// <param name="parse">Swallows the documented failure and no other.</param>
    /// <param name="most">How many bytes it may allocate besides 64 for each byte that it is given.</param>
    public static void Parser(IReadOnlyList<byte[]> right, Action<byte[]> parse, long most = 1 << 20)
    {
        foreach (byte[] bytes in right)
        {
            parse([.. bytes]);      // compiled and loaded before anything is measured
        }

        Gen.OneOf(Gen.Byte.Array[0, 300], Damaged(right), Damaged(right)).Sample(bytes => Bounded(bytes, parse, most), time: Seconds, threads: 1, print: Convert.ToHexStringLower);
    }

    /// <summary>One of <paramref name="right"/> with one to four parts cut out, repeated, overwritten or put in.</summary>
    public static Gen<byte[]> Damaged(IReadOnlyList<byte[]> right) =>
        Gen.Select(Gen.Int[0, right.Count - 1], Gen.Select(Gen.Int[0, 6], Gen.Double.Unit, Gen.Int[1, 40], Gen.Byte.Array[1, 8], Gen.Int[0, Bait.Length - 1]).Array[1, 4])
            .Select((which, edits) => edits.Aggregate(right[which], (b, e) => Edit(b, e.Item1, (int)(e.Item2 * b.Length), e.Item3, e.Item4, Bait[e.Item5])));

    private static byte[] Edit(byte[] b, int kind, int at, int length, byte[] put, byte[] bait)
    {
        int end = Math.Min(b.Length, at + length);
        switch (kind)
        {
            case 0 when b.Length > 0:
                byte[] flipped = [.. b];
                flipped[at] ^= (byte)(1 << (length % 8));
                return flipped;
            case 1:
                return [.. b.AsSpan(0, at), .. b.AsSpan(end)];
            case 2:
                return [.. b.AsSpan(0, end), .. b.AsSpan(at)];
            case 3:
                return [.. b.AsSpan(0, at), .. put, .. b.AsSpan(at)];
            case 4:
                return [.. b.AsSpan(0, at), .. bait, .. b.AsSpan(Math.Min(b.Length, at + bait.Length))];
            case 5:
                return [.. b.AsSpan(0, at), .. bait, .. b.AsSpan(at)];
            default:
                return b[..at];
        }
    }

    private static void Bounded(byte[] bytes, Action<byte[]> parse, long most)
    {
        byte[] given = [.. bytes];
        long before = GC.GetAllocatedBytesForCurrentThread();
        var began = BootClock.Now;
        parse(given);
        var took = BootClock.Now - began;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(took <= Longest, $"took {took.TotalSeconds:0.0} s");
        Assert.True(allocated <= most + (64L * bytes.Length), $"allocated {allocated} bytes for {bytes.Length}");
    }
}
