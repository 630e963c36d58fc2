using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>
/// One file on its way to this device: beside its final name under a hidden one, readable for its owner alone, as what leaves a safe is for
/// who fetched it.
/// </summary>
internal sealed class IncomingCopy : IDisposable
{
    private const uint File = 0x180, Program = 0x1c0, Directory = 0x1c0;    // 0600, 0700, 0700

    private readonly FileTree tree;
    private readonly FilePath target;
    private readonly bool replace;
    private StagedFile? staged;
    private GetFile? told;

    private IncomingCopy(FileTree tree, FilePath source, FilePath target, long length, bool replace) =>
        (this.tree, Source, this.target, Length, this.replace) = (tree, source, target, length, replace);

    public FilePath Source { get; }

    public long Length { get; }

    /// <summary>What the server is asked.</summary>
    public GetRequest Request { get; private set; } = new();

    /// <summary>What was counted of it.</summary>
    public long Counted { get; private set; }

    public static void MakeDirectory(FileTree tree, FilePath target) => tree.MakeDirectories(target, Directory).Dispose();

    /// <summary>Looks at what is here of it. Blocks.</summary>
    /// <exception cref="FaultException">file-exists, file-kind, file-denied, transfers-busy.</exception>
    public static IncomingCopy Begin(FileTree tree, FilePath source, FilePath target, long length, bool replace, Let? let, CancellationToken stop)
    {
        var copy = new IncomingCopy(tree, source, target, length, replace);
        if (!replace && tree.Find(target) is { } there)
        {
            copy.Request = there.IsRegular && there.Length == length ? copy.Compare(stop) : throw FileTree.Refused(FaultCodes.FileExists, target);
            (copy.Request.Out, copy.Request.Look) = (let?.Number ?? 0, let is { Look: true });
            return copy;
        }

        // The name says whose part it is, and says it to nobody but us.
        string name = ".safe-" + Convert.ToHexStringLower(SHA256.HashData(target.Name.Bytes).AsSpan(0, 8));
        byte[] identity = SHA256.HashData([.. source.Bytes, 0, .. BitConverter.GetBytes(length)]);
        copy.staged = StagedFile.Open(tree.MakeDirectories(target.Parent, Directory), name, identity, target, length, stop);
        copy.Request = new GetRequest
        {
            Path = ByteString.CopyFrom(source.Bytes),
            Blocks = (ulong)copy.staged.Blocks,
            Check = ByteString.CopyFrom(copy.staged.Digest),
            Out = let?.Number ?? 0,
            Look = let is { Look: true },
        };
        return copy;
    }

    /// <summary>The server begins to send.</summary>
    /// <exception cref="FaultException">file-changed: it is not as long as it was when it was listed.</exception>
    public void Start(GetFile file, TransferOutcome outcome)
    {
        if (staged is null || told is not null || (file.Blocks != 0 && file.Blocks != (ulong)staged.Blocks))
        {
            throw ServerFault.Nonsense();
        }

        if (file.Length != (ulong)Length)
        {
            throw FileTree.Refused(FaultCodes.FileChanged, Source, "it was written to meanwhile");
        }

        told = file;
        if (file.Blocks == 0)
        {
            staged.Restart();
        }

        Count(outcome, Math.Min((long)file.Blocks * Block.Size, Length), 0);
    }

    public async Task AddAsync(Piece piece, TransferOutcome outcome)
    {
        if (told is null)
        {
            throw ServerFault.Nonsense();
        }

        if (staged!.Arriving.Add(piece) is { } block)
        {
            await Background.Run(() => LocalFailure.Told(target, () => Written(block)), "write a block").ConfigureAwait(false);
            Count(outcome, block.Length, block.Data.Sum(d => (long)d.Length));
        }
    }

    /// <summary>Gives it its name. Blocks.</summary>
    /// <returns>Whether it was here already.</returns>
    /// <exception cref="FaultException">file-exists; file-damaged.</exception>
    public bool End(GetDone done)
    {
        if (staged is null)
        {
            return true;
        }

        if (told is null || !staged.IsWhole || !done.Sha256.Span.SequenceEqual(staged.Digest))
        {
            throw FileTree.Refused(FaultCodes.FileDamaged, Source, "it did not arrive as it was sent");
        }

        using var parent = tree.OpenDirectory(target.Parent);
        return staged.Place(parent, target.Name, replace, told.Executable ? Program : File, told.ModifiedUnixNs, owner: null)
            ? false : throw FileTree.Refused(FaultCodes.FileExists, target);
    }

    /// <summary>What is here of it is of no use.</summary>
    public void Remove() => staged?.Remove();

    /// <summary>It is asked for again, and counts no longer.</summary>
    public void TakeBack(TransferOutcome outcome) => outcome.Went(-Counted, 0);

    public void Dispose() => staged?.Dispose();

    private Block Written(Block block)
    {
        staged!.Write(block);
        return block;
    }

    private GetRequest Compare(CancellationToken stop)
    {
        using SafeFileHandle file = tree.OpenFile(target);
        using var reader = new BlockReader(file, target, Length);
        reader.SkipTo(Block.Count(Length), stop);
        return new GetRequest { Path = ByteString.CopyFrom(Source.Bytes), Blocks = (ulong)reader.Next, Check = ByteString.CopyFrom(reader.Digest), Compare = true };
    }

    private void Count(TransferOutcome outcome, long length, long data)
    {
        Counted += length;
        outcome.Went(length, data);
    }

}
