using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>
/// Sends files over one stream. Small ones go one behind the other without waiting; of a larger one the server is asked first what it has.
/// Of a small one that may be there already only the digest goes first, and the file behind the others when it is another. What the server has
/// not answered when the connection goes is for the next one.
/// </summary>
/// <param name="mayBeThere">Whether a file of that name and length was there.</param>
internal sealed class Sending(
    AsyncDuplexStreamingCall<PutRequest, PutReply> call, TransferOutcome outcome, bool replace, Func<LocalFile, bool> mayBeThere) : IDisposable
{
    /// <summary>Files longer than this may be there in part.</summary>
    private const long AskFrom = 4 << 20;

    private const int MostUnanswered = 256;
    private const uint OwnerRuns = 0x40;

    private sealed class Sent(LocalFile file)
    {
        public LocalFile File => file;

        /// <summary>Null: it was answered before the server told what it has.</summary>
        public TaskCompletionSource<PutHave?> Have { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public volatile bool Answered;

        /// <summary>Only its digest went.</summary>
        public bool Compared { get; init; }

        /// <summary>Why this device gave it up.</summary>
        public volatile FaultException? GivenUp;

        public long Counted;
    }

    private readonly Block[] blocks = [new(), new()];
    private readonly ConcurrentQueue<Sent> unanswered = new();
    private readonly ConcurrentQueue<LocalFile> others = new();
    private readonly SemaphoreSlim room = new(MostUnanswered), answers = new(0);
    private int compared;

    /// <summary>What was taken up and is neither sent nor given up: whatever ends this, it is not forgotten.</summary>
    private LocalFile? inHand;

    /// <summary>What is to be sent again; it counts no longer.</summary>
    public IReadOnlyList<LocalFile> TakeUnanswered()
    {
        Sent[] all = [.. unanswered];
        outcome.Went(-all.Sum(s => s.Counted), 0);
        return [.. all.Select(s => s.File), .. inHand is null ? (LocalFile[])[] : [inHand], .. others];
    }

    /// <summary>Until every file is answered.</summary>
    public async Task RunAsync(Func<LocalFile?> next, CancellationToken stop)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var listening = ListenAsync(both.Token);
        var sending = SendAllAsync(next, both.Token);
        try
        {
            if (await Task.WhenAny(listening, sending).ConfigureAwait(false) == sending && sending.IsFaulted && !Streams.IsOwn(sending.Exception))
            {
                // A call that is over only says so to who writes; why, it says to who reads.
                await Task.WhenAny(listening, Task.Delay(Streams.CauseLimit, stop)).ConfigureAwait(false);
            }

            await (listening.IsFaulted ? listening : sending).ConfigureAwait(false);
            await listening.ConfigureAwait(false);
        }
        finally
        {
            await both.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(listening, sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        room.Dispose();
        answers.Dispose();
    }

    private async Task SendAllAsync(Func<LocalFile?> next, CancellationToken stop)
    {
        while ((inHand = next()) is { } file)
        {
            await room.WaitAsync(stop).ConfigureAwait(false);
            await (!file.IsDirectory && file.Length <= AskFrom && mayBeThere(file) ? CompareAsync(file, stop) : SendAsync(file, stop)).ConfigureAwait(false);
        }

        // Which of those that were there are others, only the server's answers tell.
        while (Volatile.Read(ref compared) > 0 || !others.IsEmpty)
        {
            if (others.TryDequeue(out var other))
            {
                inHand = other;
                await room.WaitAsync(stop).ConfigureAwait(false);
                await SendAsync(other, stop).ConfigureAwait(false);
            }
            else
            {
                await answers.WaitAsync(stop).ConfigureAwait(false);
            }
        }

        await call.RequestStream.CompleteAsync().WaitAsync(stop).ConfigureAwait(false);
    }

    private async Task CompareAsync(LocalFile local, CancellationToken stop)
    {
        outcome.Current = local.Target.ToString();
        var (digest, length) = await Background.Run(() => DigestOf(local, stop), "read a file").ConfigureAwait(false);
        if (digest is null)
        {
            inHand = null;
            others.Enqueue(local);    // it is read again, and what keeps it from being sent is told then
            room.Release();
            return;
        }

        var sent = new Sent(local) { Compared = true };
        Count(sent, length, 0);
        Interlocked.Increment(ref compared);
        Asked(sent);
        await WriteAsync(
            new PutRequest { File = new PutFile { Path = Bytes(local.Target), Length = (ulong)length, Same = ByteString.CopyFrom(digest) } }, stop).ConfigureAwait(false);
    }

    private static (byte[]? Digest, long Length) DigestOf(LocalFile local, CancellationToken stop)
    {
        try
        {
            var (file, status) = local.Open();
            using var opened = file;
            using var reader = new BlockReader(file, local.Source, status.Length);
            LocalFailure.Told(local.Source, () => Skipped(reader, Block.Count(status.Length), stop));
            return (reader.Digest, status.Length);
        }
        catch (FaultException)
        {
            return (null, 0);
        }
    }

    private async Task SendAsync(LocalFile local, CancellationToken stop)
    {
        outcome.Current = local.Target.ToString();
        var sent = new Sent(local);
        if (local.IsDirectory)
        {
            Asked(sent);
            await WriteAsync(new PutRequest { File = new PutFile { Path = Bytes(local.Target), Directory = true } }, stop).ConfigureAwait(false);
            return;
        }

        SafeFileHandle file;
        FileStatus status;
        try
        {
            (file, status) = local.Open();
        }
        catch (FaultException e)
        {
            inHand = null;
            outcome.Fail(local.Source.ToString(), e);
            room.Release();
            return;
        }

        using (file)
        {
            using var reader = new BlockReader(file, local.Source, status.Length);
            Asked(sent);
            bool asks = status.Length > AskFrom;
            await WriteAsync(
                new PutRequest
                {
                    File = new PutFile
                    {
                        Path = Bytes(local.Target),
                        Length = (ulong)status.Length,
                        DataBytes = (ulong)Math.Min(status.Length, status.AllocatedBytes),
                        Executable = (status.Permissions & OwnerRuns) != 0,
                        ModifiedUnixNs = status.ModifiedNanoseconds,
                        Replace = replace,
                        Ask = asks,
                    },
                }, stop).ConfigureAwait(false);
            try
            {
                await SendContentAsync(sent, reader, asks, file, status.Length, stop).ConfigureAwait(false);
                var after = LocalFailure.Told(local.Source, () => Stat.Of(file));
                if (!sent.Answered && (after.Length, after.ModifiedNanoseconds) != (status.Length, status.ModifiedNanoseconds))
                {
                    throw FileTree.Refused(FaultCodes.FileChanged, local.Source, "it was written to meanwhile");
                }
            }
            catch (FaultException e) when (e.Code == FaultCodes.FileChanged || e.Code == FaultCodes.FileFailed)
            {
                sent.GivenUp = e;
            }

            await WriteAsync(new PutRequest { End = new PutEnd { Drop = sent.GivenUp is not null } }, stop).ConfigureAwait(false);
        }
    }

    private async Task SendContentAsync(Sent sent, BlockReader begun, bool asks, SafeFileHandle file, long length, CancellationToken stop)
    {
        var reader = begun;
        if (asks && await sent.Have.Task.WaitAsync(stop).ConfigureAwait(false) is { } have)
        {
            long there = (long)Math.Min(have.Blocks, (ulong)Block.Count(length));
            await Background.Run(() => LocalFailure.Told(sent.File.Source, () => Skipped(reader, there, stop)), "compare a file").ConfigureAwait(false);
            if (!have.Check.Span.SequenceEqual(reader.Digest))
            {
                reader = new BlockReader(file, sent.File.Source, length);
                await WriteAsync(new PutRequest { Again = new PutAgain() }, stop).ConfigureAwait(false);
            }
            else
            {
                Count(sent, Math.Min(there * Block.Size, length), 0);
            }
        }

        try
        {
            var next = ReadAsync(sent.File, reader, blocks[0]);
            for (int i = 1; await next.ConfigureAwait(false) is { } block && !sent.Answered; i ^= 1)
            {
                next = ReadAsync(sent.File, reader, blocks[i]);
                try
                {
                    foreach (var piece in Pieces.Of(block))
                    {
                        await WriteAsync(new PutRequest { Piece = piece }, stop).ConfigureAwait(false);
                    }
                }
                catch
                {
                    await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);    // its thread is not left with a closed file
                    throw;
                }

                Count(sent, block.Length, block.Data.Sum(d => (long)d.Length));
            }
        }
        finally
        {
            if (reader != begun)
            {
                reader.Dispose();
            }
        }
    }

    private void Asked(Sent sent)
    {
        unanswered.Enqueue(sent);
        inHand = null;
    }

    private void Count(Sent sent, long length, long data)
    {
        sent.Counted += length;
        outcome.Went(length, data);
    }

    private async Task ListenAsync(CancellationToken stop)
    {
        while (await call.ResponseStream.MoveNext(stop).ConfigureAwait(false))
        {
            var reply = call.ResponseStream.Current;
            if (!unanswered.TryPeek(out var first))
            {
                throw ServerFault.Nonsense();
            }

            if (reply.Have is { } have)
            {
                first.Have.TrySetResult(have);
            }
            else if (reply.Done is { } done)
            {
                Answer(first, done);
            }
        }
    }

    private void Answer(Sent sent, PutDone done)
    {
        sent.Answered = true;
        sent.Have.TrySetResult(null);
        if (sent.Compared && done.Other)
        {
            Count(sent, -sent.Counted, 0);
            others.Enqueue(sent.File);
        }
        else if (sent.GivenUp is { } own)
        {
            outcome.Fail(sent.File.Source.ToString(), own);
        }
        else if (done.Fault is { } fault)
        {
            outcome.Fail(sent.File.Target.ToString(), ServerFault.Of(fault));
        }
        else if (sent.File.IsDirectory)
        {
            outcome.Made();
        }
        else
        {
            outcome.Done(done.Already);
        }

        unanswered.TryDequeue(out _);
        room.Release();
        if (sent.Compared)
        {
            Interlocked.Decrement(ref compared);
            answers.Release();
        }
    }

    private static Task<Block?> ReadAsync(LocalFile local, BlockReader reader, Block into) => reader.AtEnd ? Task.FromResult<Block?>(null) : Background.Run<Block?>(
        () => LocalFailure.Told(local.Source, () =>
        {
            reader.Read(into);
            return into;
        }),
        "read a block");

    private static BlockReader Skipped(BlockReader reader, long to, CancellationToken stop)
    {
        reader.SkipTo(to, stop);
        return reader;
    }

    private Task WriteAsync(PutRequest request, CancellationToken stop) => call.RequestStream.WriteAsync(request, stop);

    private static ByteString Bytes(FilePath path) => ByteString.CopyFrom(path.Bytes);
}
