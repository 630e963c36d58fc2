using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>
/// Sends files over one stream. Small ones go one behind the other without waiting; of a larger one the server is asked first what it has.
/// What the server has not answered when the connection goes is for the next one.
/// </summary>
internal sealed class Sending(AsyncDuplexStreamingCall<PutRequest, PutReply> call, TransferOutcome outcome, bool replace) : IDisposable
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

        /// <summary>Why this device gave it up.</summary>
        public volatile FaultException? GivenUp;

        public long Counted;
    }

    private readonly Block[] blocks = [new(), new()];
    private readonly ConcurrentQueue<Sent> unanswered = new();
    private readonly SemaphoreSlim room = new(MostUnanswered);

    /// <summary>What is to be sent again; it counts no longer.</summary>
    public IReadOnlyList<LocalFile> TakeUnanswered()
    {
        Sent[] all = [.. unanswered];
        outcome.Went(-all.Sum(s => s.Counted), 0);
        return [.. all.Select(s => s.File)];
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

    public void Dispose() => room.Dispose();

    private async Task SendAllAsync(Func<LocalFile?> next, CancellationToken stop)
    {
        while (next() is { } file)
        {
            await room.WaitAsync(stop).ConfigureAwait(false);
            await SendAsync(file, stop).ConfigureAwait(false);
        }

        await call.RequestStream.CompleteAsync().WaitAsync(stop).ConfigureAwait(false);
    }

    private async Task SendAsync(LocalFile local, CancellationToken stop)
    {
        outcome.Current = local.Target.ToString();
        var sent = new Sent(local);
        if (local.IsDirectory)
        {
            unanswered.Enqueue(sent);
            await WriteAsync(new PutRequest { File = new PutFile { Path = Bytes(local.Target), Directory = true } }, stop).ConfigureAwait(false);
            return;
        }

        SafeFileHandle file;
        try
        {
            file = local.Open();
        }
        catch (FaultException e)
        {
            outcome.Fail(local.Source.ToString(), e);
            room.Release();
            return;
        }

        using (file)
        {
            var status = Stat.Of(file);
            using var reader = new BlockReader(file, local.Source, status.Length);
            unanswered.Enqueue(sent);
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
                var after = Stat.Of(file);
                if (!sent.Answered && (after.Length, after.ModifiedNanoseconds) != (status.Length, status.ModifiedNanoseconds))
                {
                    throw FileTree.Refused(FaultCodes.FileChanged, local.Source, "it was written to meanwhile");
                }
            }
            catch (FaultException e) when (e.Code == FaultCodes.FileChanged)
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
            await Background.Run(() => reader.SkipTo(there, stop), "compare a file").ConfigureAwait(false);
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
            var next = ReadAsync(reader, blocks[0]);
            for (int i = 1; await next.ConfigureAwait(false) is { } block && !sent.Answered; i ^= 1)
            {
                next = ReadAsync(reader, blocks[i]);
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
                throw new FaultException(FaultCodes.BadRequest, ("what", "an answer to nothing"), ("from", "server"));
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
        if (sent.GivenUp is { } own)
        {
            outcome.Fail(sent.File.Source.ToString(), own);
        }
        else if (done.Fault is { } fault)
        {
            outcome.Fail(sent.File.Target.ToString(), new FaultException(FaultCodes.Find(fault.Code), [.. fault.Details.Select(d => (d.Key, d.Value)), ("from", "server")]));
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
    }

    private static Task<Block?> ReadAsync(BlockReader reader, Block into) => reader.AtEnd ? Task.FromResult<Block?>(null) : Background.Run<Block?>(
        () =>
        {
            reader.Read(into);
            return into;
        },
        "read a block");

    private Task WriteAsync(PutRequest request, CancellationToken stop) => call.RequestStream.WriteAsync(request, stop);

    private static ByteString Bytes(FilePath path) => ByteString.CopyFrom(path.Bytes);
}
