using Google.Protobuf;
using Safes.Contracts.V1;

namespace Safes.Transfer;

/// <summary>A block as messages.</summary>
public static class Pieces
{
    /// <summary>Data in order, holes between, the digest last. The messages point into the block's own bytes: send them before it is used again.</summary>
    public static IEnumerable<Piece> Of(Block block)
    {
        int at = 0;
        foreach (var (start, length) in block.Data)
        {
            if (start > at)
            {
                yield return new Piece { Hole = (uint)(start - at) };
            }

            for (at = start; at < start + length;)
            {
                int n = Math.Min(Block.Piece, start + length - at);
                yield return new Piece { Data = UnsafeByteOperations.UnsafeWrap(block.Buffer.AsMemory(at, n)) };
                at += n;
            }
        }

        if (at < block.Length)
        {
            yield return new Piece { Hole = (uint)(block.Length - at) };
        }

        yield return new Piece { Check = UnsafeByteOperations.UnsafeWrap(block.Check) };
    }
}
