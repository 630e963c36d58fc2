using Google.Protobuf;
using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Airlocks;
using Safes.Hypervisor.Api;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Hypervisor.Transfers;

/// <summary>Files that a device asks for, one answered after the other. What is wrong with one is its answer and stops no other.</summary>
internal sealed class GetStream(TransferRoom room, Func<Visitor> visitor, IServerStreamWriter<GetReply> to) : IDisposable
{
    private readonly Block[] blocks = [new(), new()];    // one is read while the other is sent
    private OutContent? let;
    private bool looking;

    public async Task RunAsync(IAsyncStreamReader<GetRequest> from, CancellationToken stop)
    {
        while (await from.MoveNext(stop).ConfigureAwait(false))
        {
            GetDone done;
            try
            {
                done = await SendAsync(from.Current, stop).ConfigureAwait(false);
            }
            catch (FaultException e) when (e.Code != FaultCodes.BadRequest)
            {
                done = new GetDone { Fault = FaultMap.Message(e) };
            }

            await to.WriteAsync(new GetReply { Done = done }, stop).ConfigureAwait(false);
        }
    }

    public void Dispose() => let?.Dispose();

    private async Task<GetDone> SendAsync(GetRequest request, CancellationToken stop)
    {
        room.RequireFree(request.Out == 0);    // asked for each file, and for each block: a rule holds from when it is made

        var path = FilePath.Parse(request.Path.Span);
        var asked = request.Out == 0 ? null : await Background.Run(() => Let(request, path), "open a request").ConfigureAwait(false);
        using var file = await Background.Run(() => room.Files.OpenFile(path), "open a file").ConfigureAwait(false);
        var before = Stat.Of(file);
        if (asked is not null && (ulong)before.Length != asked.File.Length)
        {
            throw let!.Changed(path);
        }

        using var reader = await Background.Run(() => Reader(file, path, before.Length, request, stop), "take a file up").ConfigureAwait(false);
        if (request.Compare)
        {
            room.RequireFree(leaves: asked is null);
            return reader.AtEnd && (long)request.Blocks == Block.Count(before.Length) && (asked is null || asked.File.Sha256.Span.SequenceEqual(reader.Digest))
                ? Done(reader) : throw FileTree.Refused(FaultCodes.FileExists, path);
        }

        // What was let out is what was asked for, and no more: what a host says of it since then does not leave.
        var told = new GetFile
        {
            Length = (ulong)before.Length,
            Executable = asked?.File.Executable ?? before.IsExecutable,
            ModifiedUnixNs = asked is null ? before.ModifiedNanoseconds : let!.Entry.AskedUnix * 1_000_000_000,
            Blocks = (ulong)reader.Next,
        };
        await to.WriteAsync(new GetReply { File = told }, stop).ConfigureAwait(false);
        await SendBlocksAsync(reader, asked, path, stop).ConfigureAwait(false);
        if (asked is not null)
        {
            return asked.File.Sha256.Span.SequenceEqual(reader.Digest) ? Done(reader) : throw let!.Changed(path);
        }

        var after = Stat.Of(file);
        return (after.Length, after.ModifiedNanoseconds) == (before.Length, before.ModifiedNanoseconds)
            ? Done(reader) : throw FileTree.Refused(FaultCodes.FileChanged, path, "it was written to meanwhile");
    }

    /// <summary>What a request holds of a path, once it may be read. It is in the log before the first byte leaves.</summary>
    private Asked Let(GetRequest request, FilePath path)
    {
        var by = visitor();    // asked for each file: who was an owner may be none by now
        if (let is null || let.Entry.Number != request.Out || looking != request.Look)
        {
            let?.Dispose();
            (let, looking) = (null, request.Look);
            let = room.Airlock.Open(request.Out, request.Look, by);
        }
        else
        {
            room.Airlock.RequireOpen(request.Out, request.Look, by);
        }

        var (file, first) = let.Find(path);
        room.Airlock.Log.Write(
            DateTimeOffset.UtcNow, request.Out, request.Look ? "looked" : "got", by,
            ("sha256", OutLog.Text(Convert.ToHexStringLower(file.Sha256.Span))), ("file", path.Bytes.ToArray()));
        return new Asked(file, first);
    }

    private async Task SendBlocksAsync(BlockReader reader, Asked? asked, FilePath path, CancellationToken stop)
    {
        var next = ReadAsync(reader, blocks[0], asked, path);
        try
        {
            for (int i = 1; await next.ConfigureAwait(false) is { } block; i ^= 1)
            {
                next = ReadAsync(reader, blocks[i], asked, path);
                foreach (var piece in Pieces.Of(block))
                {
                    await to.WriteAsync(new GetReply { Piece = piece }, stop).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);    // its thread is not left with a closed file
        }
    }

    /// <summary>Behind the blocks that the device has, if they are this file's; else at the beginning.</summary>
    private static BlockReader Reader(SafeFileHandle file, FilePath path, long length, GetRequest request, CancellationToken stop)
    {
        var reader = new BlockReader(file, path, length);
        try
        {
            if (request.Blocks == 0 && length > 0 || request.Blocks > (ulong)Block.Count(length))
            {
                return reader;
            }

            reader.SkipTo((long)request.Blocks, stop);
            if (request.Check.Span.SequenceEqual(reader.Digest))
            {
                return reader;
            }
        }
        catch
        {
            reader.Dispose();
            throw;
        }

        reader.Dispose();
        return new BlockReader(file, path, length);
    }

    private Task<Block?> ReadAsync(BlockReader reader, Block into, Asked? asked, FilePath path) => reader.AtEnd ? Task.FromResult<Block?>(null) : Background.Run<Block?>(
        () =>
        {
            long index = reader.Next;
            room.RequireFree(asked is null);
            reader.Read(into);
            if (asked is not null)
            {
                into.FindHoles();
                let!.Check(into, asked.FirstBlock + index, path);    // in our own memory, where no host writes, before any of it is sent
            }

            return into;
        },
        "read a block");

    private static GetDone Done(BlockReader reader) => new() { Sha256 = ByteString.CopyFrom(reader.Digest) };

    private sealed record Asked(OutFile File, long FirstBlock);
}
