using System.Collections.Concurrent;
using Grpc.Core;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>A file that the server listed, and where it goes on this device.</summary>
internal sealed record Wanted(FilePath Source, FileTree Tree, FilePath Target, FileKind Kind, long Length);

/// <summary>Fetches files over one stream; some are asked for ahead. What has not come when the connection goes is for the next one.</summary>
internal sealed class Fetching(AsyncDuplexStreamingCall<GetRequest, GetReply> call, TransferOutcome outcome, bool replace, Let? let) : IDisposable
{
    private const int MostAhead = 16;

    private readonly ConcurrentQueue<(Wanted File, IncomingCopy Copy)> asked = new();
    private readonly SemaphoreSlim ahead = new(MostAhead);

    /// <summary>What was taken up and is neither asked for nor given up: whatever ends this, it is not forgotten.</summary>
    private Wanted? inHand;

    /// <summary>What is to be asked for again.</summary>
    public IReadOnlyList<Wanted> TakeUnanswered()
    {
        List<Wanted> left = [];
        while (asked.TryDequeue(out var one))
        {
            one.Copy.TakeBack(outcome);
            one.Copy.Dispose();
            left.Add(one.File);
        }

        return inHand is null ? left : [.. left, inHand];
    }

    /// <summary>Until every file has come, or is known not to.</summary>
    public async Task RunAsync(Func<Wanted?> next, CancellationToken stop)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var taking = TakeAllAsync(both.Token);
        var asking = AskAllAsync(next, both.Token);
        try
        {
            if (await Task.WhenAny(taking, asking).ConfigureAwait(false) == asking && asking.IsFaulted && !Streams.IsOwn(asking.Exception))
            {
                // A call that is over only says so to who writes; why, it says to who reads.
                await Task.WhenAny(taking, Task.Delay(Streams.CauseLimit, stop)).ConfigureAwait(false);
            }

            await (taking.IsFaulted ? taking : asking).ConfigureAwait(false);
            await taking.ConfigureAwait(false);
        }
        finally
        {
            await both.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(taking, asking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        foreach (var (_, copy) in asked)
        {
            copy.Dispose();
        }

        ahead.Dispose();
    }

    private async Task AskAllAsync(Func<Wanted?> next, CancellationToken stop)
    {
        while ((inHand = next()) is { } wanted)
        {
            await ahead.WaitAsync(stop).ConfigureAwait(false);
            try
            {
                if (await Background.Run(() => Begin(wanted, stop), "take a file up").ConfigureAwait(false) is { } copy)
                {
                    asked.Enqueue((wanted, copy));
                    inHand = null;
                    await call.RequestStream.WriteAsync(copy.Request, stop).ConfigureAwait(false);
                    continue;
                }
            }
            catch (FaultException e)
            {
                outcome.Fail(wanted.Source.ToString(), e);
            }

            ahead.Release();
        }

        await call.RequestStream.CompleteAsync().WaitAsync(stop).ConfigureAwait(false);
    }

    private IncomingCopy? Begin(Wanted wanted, CancellationToken stop)
    {
        if (wanted.Kind == FileKind.File)
        {
            return Roomy(wanted, () => IncomingCopy.Begin(wanted.Tree, wanted.Source, wanted.Target, wanted.Length, replace, let, stop));
        }

        if (wanted.Kind == FileKind.Directory)
        {
            Roomy(wanted, () =>
            {
                IncomingCopy.MakeDirectory(wanted.Tree, wanted.Target);
                return true;
            });
            outcome.Made();
        }
        else
        {
            outcome.Skip(wanted.Source.ToString(), "neither a file nor a directory");
        }

        return null;
    }

    private async Task TakeAllAsync(CancellationToken stop)
    {
        FaultException? refused = null;    // of the file that comes now: the rest of it is let pass
        while (await call.ResponseStream.MoveNext(stop).ConfigureAwait(false))
        {
            var reply = call.ResponseStream.Current;
            if (!asked.TryPeek(out var first))
            {
                throw ServerFault.Nonsense();
            }

            try
            {
                switch (reply.WhatCase)
                {
                    case GetReply.WhatOneofCase.File when refused is null:
                        outcome.Current = first.File.Source.ToString();
                        Roomy(first.File, () =>
                        {
                            first.Copy.Start(reply.File, outcome);
                            return true;
                        });
                        break;
                    case GetReply.WhatOneofCase.Piece when refused is null:
                        await first.Copy.AddAsync(reply.Piece, outcome).ConfigureAwait(false);
                        break;
                    case GetReply.WhatOneofCase.Done:
                        await EndAsync(first.File, first.Copy, reply.Done, refused).ConfigureAwait(false);
                        refused = null;
                        break;
                }
            }
            catch (FaultException e) when (e.Code == FaultCodes.FileChanged || e.Code == FaultCodes.FileDamaged || e.Code == FaultCodes.FileFailed)
            {
                refused = e;
            }
            catch (LinuxException e) when (LocalFailure.IsFull(e))
            {
                throw Full(first.File);
            }
        }
    }

    private async Task EndAsync(Wanted file, IncomingCopy copy, GetDone done, FaultException? refused)
    {
        try
        {
            var fault = refused ?? (done.Fault is { } told ? ServerFault.Of(told) : null);
            if (fault is not null)
            {
                throw fault;
            }

            outcome.Done(await Background.Run(() => LocalFailure.Told(file.Target, () => copy.End(done)), "name a file").ConfigureAwait(false));
        }
        catch (FaultException e)
        {
            copy.Remove();
            outcome.Fail(file.Source.ToString(), e);
        }

        copy.Dispose();
        asked.TryDequeue(out _);
        ahead.Release();
    }

    private static T Roomy<T>(Wanted file, Func<T> work)
    {
        try
        {
            return LocalFailure.Told(file.Target, work);
        }
        catch (LinuxException e) when (LocalFailure.IsFull(e))
        {
            throw new FaultException(FaultCodes.DeviceFull);
        }
    }

    private static FaultException Full(Wanted file) => new(FaultCodes.DeviceFull, ("file", file.Target.ToString()), ("wanted", $"{file.Length}"));
}
