using Google.Protobuf;
using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Linux;
using Safes.Rules;
using Safes.Transfer;

namespace Safes.Hypervisor.Transfers;

/// <summary>Files that a device asks for, one answered after the other. What is wrong with one is its answer and stops no other.</summary>
internal sealed class GetStream(TransferRoom room, IServerStreamWriter<GetReply> to)
{
    private const uint AnyoneRuns = 0x49;

    private readonly Block[] blocks = [new(), new()];    // one is read while the other is sent

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

    private async Task<GetDone> SendAsync(GetRequest request, CancellationToken stop)
    {
        if (room.DataOut != DataOut.Free)
        {
            throw new FaultException(FaultCodes.NeedsApproval, ("mode", DataOutRule.WordOf(room.DataOut)));    // asked for each file: a rule holds from when it is made
        }

        var path = FilePath.Parse(request.Path.Span);
        using var file = await Background.Run(() => room.Files.OpenFile(path), "open a file").ConfigureAwait(false);
        var before = Stat.Of(file);
        using var reader = await Background.Run(() => Reader(file, path, before.Length, request, stop), "take a file up").ConfigureAwait(false);
        if (request.Compare)
        {
            return reader.AtEnd && (long)request.Blocks == Block.Count(before.Length)
                ? Done(reader) : throw FileTree.Refused(FaultCodes.FileExists, path);
        }

        var told = new GetFile
        {
            Length = (ulong)before.Length,
            Executable = (before.Permissions & AnyoneRuns) != 0,
            ModifiedUnixNs = before.ModifiedNanoseconds,
            Blocks = (ulong)reader.Next,
        };
        await to.WriteAsync(new GetReply { File = told }, stop).ConfigureAwait(false);
        var next = ReadAsync(reader, blocks[0]);
        try
        {
            for (int i = 1; await next.ConfigureAwait(false) is { } block; i ^= 1)
            {
                next = ReadAsync(reader, blocks[i]);
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

        var after = Stat.Of(file);
        return (after.Length, after.ModifiedNanoseconds) == (before.Length, before.ModifiedNanoseconds)
            ? Done(reader) : throw FileTree.Refused(FaultCodes.FileChanged, path, "it was written to meanwhile");
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

    private static Task<Block?> ReadAsync(BlockReader reader, Block into) => reader.AtEnd ? Task.FromResult<Block?>(null) : Background.Run<Block?>(
        () =>
        {
            reader.Read(into);
            return into;
        },
        "read a block");

    private static GetDone Done(BlockReader reader) => new() { Sha256 = ByteString.CopyFrom(reader.Digest) };
}
