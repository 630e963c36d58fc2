using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Transfer;

/// <summary>Reads an open file block by block, holes as holes. Reading blocks: it is for threads of their own.</summary>
public sealed class BlockReader(SafeFileHandle file, FilePath path, long length) : IDisposable
{
    private readonly IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>The block that comes next.</summary>
    public long Next { get; private set; }

    public bool AtEnd => Next == Block.Count(length);

    /// <summary>SHA-256 of what has been read, from the file's beginning.</summary>
    public byte[] Digest => digest.GetCurrentHash();

    /// <exception cref="FaultException">file-changed: it is shorter than it was.</exception>
    public void Read(Block into)
    {
        long from = Next * Block.Size, end = from + Block.LengthOf(Next, length);
        into.Length = (int)(end - from);
        into.Data.Clear();
        for (long at = from; at < end && Unistd.NextData(file, at) is { } data && data.Start < end;)
        {
            long start = Math.Max(at, data.Start), stop = Math.Min(data.End, end);
            if (stop <= start)
            {
                break;    // it shrinks as we look
            }

            into.Data.Add(((int)(start - from), (int)(stop - start)));
            at = stop;
        }

        ReadData(into, from);
        digest.AppendData(into.Bytes);
        into.Check = digest.GetCurrentHash();
        Next++;
    }

    /// <summary>Reads on up to a block, for the digest alone.</summary>
    public void SkipTo(long block, CancellationToken stop)
    {
        var passed = new Block();
        while (Next < block)
        {
            stop.ThrowIfCancellationRequested();
            Read(passed);
        }
    }

    public void Dispose() => digest.Dispose();

    private void ReadData(Block into, long from)
    {
        int filled = 0;
        foreach (var (start, count) in into.Data)
        {
            into.Buffer.AsSpan(filled, start - filled).Clear();
            for (filled = start; filled < start + count;)
            {
                int n = RandomAccess.Read(file, into.Buffer.AsSpan(filled, start + count - filled), from + filled);
                filled += n > 0 ? n : throw FileTree.Refused(FaultCodes.FileChanged, path, "it became shorter");
            }
        }

        into.Buffer.AsSpan(filled, into.Length - filled).Clear();
    }
}
