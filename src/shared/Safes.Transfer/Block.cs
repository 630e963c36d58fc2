namespace Safes.Transfer;

/// <summary>
/// A stretch of a file as it travels: up to a mebibyte from a multiple of it on, its data and the holes between, and the SHA-256 of the
/// file from its beginning up to the block's end. One digest so checks every block, tells at any block whether two files are the
/// same so far, and is at the last one the file's own.
/// </summary>
public sealed class Block
{
    /// <summary>Bytes of every block but a file's last.</summary>
    public const int Size = 1 << 20;

    /// <summary>Bytes of the pieces that a block's data is sent in: a request has at most 64 KiB.</summary>
    public const int Piece = 32 << 10;

    /// <summary>Its bytes; holes read as zeros.</summary>
    public byte[] Buffer { get; } = new byte[Size];

    public int Length { get; internal set; }

    /// <summary>What of it is data, in order; the rest is holes.</summary>
    public List<(int Start, int Length)> Data { get; } = [];

    /// <summary>SHA-256 of the file up to the block's end.</summary>
    public byte[] Check { get; internal set; } = [];

    public ReadOnlySpan<byte> Bytes => Buffer.AsSpan(0, Length);

    /// <summary>How many blocks a file of that length has.</summary>
    public static long Count(long length) => (length + Size - 1) / Size;

    /// <summary>The length of a file's block.</summary>
    public static int LengthOf(long index, long length) => (int)Math.Min(Size, length - (index * Size));
}
