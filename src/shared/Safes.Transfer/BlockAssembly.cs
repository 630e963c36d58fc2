using System.Security.Cryptography;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Transfer;

/// <summary>Puts a file's blocks together from the pieces that arrive, and checks each. Nothing of one that is not right gets further.</summary>
public sealed class BlockAssembly(FilePath path, long length) : IDisposable
{
    private readonly IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Block block = new();
    private long next;

    public bool AtEnd => next == Block.Count(length);

    /// <summary>SHA-256 of what has arrived, from the file's beginning.</summary>
    public byte[] Digest => digest.GetCurrentHash();

    /// <summary>Takes a block that is there already as the next one.</summary>
    public void Follow(Block there)
    {
        digest.AppendData(there.Bytes);
        next++;
    }

    /// <summary>The block that is whole with this piece; null when more is to come. It holds until the next call.</summary>
    /// <exception cref="FaultException">bad-request: more than the file has. file-damaged: not what its digest says.</exception>
    public Block? Add(Piece piece)
    {
        if (AtEnd)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", "more than the file has"));
        }

        if (block.Check.Length > 0)
        {
            (block.Length, block.Check) = (0, []);
            block.Data.Clear();
        }

        int room = Block.LengthOf(next, length) - block.Length;
        switch (piece.WhatCase)
        {
            case Piece.WhatOneofCase.Data when piece.Data.Length > 0 && piece.Data.Length <= room:
                piece.Data.Span.CopyTo(block.Buffer.AsSpan(block.Length));
                if (block.Data is [.., var last] && last.Start + last.Length == block.Length)
                {
                    block.Data[^1] = (last.Start, last.Length + piece.Data.Length);
                }
                else
                {
                    block.Data.Add((block.Length, piece.Data.Length));
                }

                block.Length += piece.Data.Length;
                return null;
            case Piece.WhatOneofCase.Hole when piece.Hole > 0 && piece.Hole <= room:
                block.Buffer.AsSpan(block.Length, (int)piece.Hole).Clear();
                block.Length += (int)piece.Hole;
                return null;
            case Piece.WhatOneofCase.Check when room == 0 && piece.Check.Length == 32:
                digest.AppendData(block.Bytes);
                block.Check = digest.GetCurrentHash();
                next++;
                return piece.Check.Span.SequenceEqual(block.Check)
                    ? block : throw FileTree.Refused(FaultCodes.FileDamaged, path, "a block did not arrive as it was sent");
            default:
                throw new FaultException(FaultCodes.BadRequest, ("what", "a piece that does not fit its block"));
        }
    }

    public void Dispose() => digest.Dispose();
}
