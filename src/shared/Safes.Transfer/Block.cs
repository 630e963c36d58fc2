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

    /// <summary>Bytes of the smallest hole that <see cref="FindHoles"/> makes.</summary>
    private const int Page = 4096;

    /// <summary>Takes pages of zeros for its holes, wherever the file system has them: so nothing but the content shows.</summary>
    public void FindHoles()
    {
        Data.Clear();
        for (int at = 0; at < Length; at += Page)
        {
            int n = Math.Min(Page, Length - at);
            if (Buffer.AsSpan(at, n).ContainsAnyExcept((byte)0))
            {
                if (Data is [.., var (start, length)] && start + length == at)
                {
                    Data[^1] = (start, length + n);
                }
                else
                {
                    Data.Add((at, n));
                }
            }
        }
    }

    /// <summary>How many blocks a file of that length has.</summary>
    public static long Count(long length) => (length + Size - 1) / Size;

    /// <summary>The length of a file's block.</summary>
    public static int LengthOf(long index, long length) => (int)Math.Min(Size, length - (index * Size));
}
