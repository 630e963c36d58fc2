using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Airlocks;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Hypervisor.Within.Api;

/// <summary>Files into the team's directory and out of it.</summary>
public sealed partial class InsideApi
{
    public override Task Put(IAsyncStreamReader<PutRequest> requestStream, IServerStreamWriter<PutReply> responseStream, ServerCallContext context) =>
        TransferAsync(context, (room, session, stop) =>
            new PutStream(room, room.OwnerOf(MemberOf(session).Index), session.Device.ToString(), responseStream).RunAsync(requestStream, stop));

    public override Task Get(IAsyncStreamReader<GetRequest> requestStream, IServerStreamWriter<GetReply> responseStream, ServerCallContext context) =>
        TransferAsync(context, async (room, session, stop) =>
        {
            using var stream = new GetStream(room, () => VisitorOf(room, session), responseStream);
            await stream.RunAsync(requestStream, stop).ConfigureAwait(false);
        });

    public override Task ListFiles(ListFilesRequest request, IServerStreamWriter<FilesFound> responseStream, ServerCallContext context) =>
        TransferAsync(context, async (room, session, stop) =>
        {
            if (request.Out != 0)
            {
                await ListLetAsync(room, request, () => VisitorOf(room, session), responseStream, stop).ConfigureAwait(false);
                return;
            }

            var path = FilePath.Parse(request.Path.Span);
            if (!request.All && !room.IsFree)
            {
                // Whoever puts something has to know whether a name is a directory's. More would tell what is in there.
                bool isDirectory = await Background.Run(() => IsDirectory(room.Files, path), "find a directory").ConfigureAwait(false);
                var directory = isDirectory ? new FileFound { Path = request.Path, Kind = FileKind.Directory } : throw FileTree.Refused(FaultCodes.FileUnknown, path);
                await responseStream.WriteAsync(new FilesFound { Files = { directory } }, stop).ConfigureAwait(false);
                return;
            }

            using var listing = new FileListing(room.Files, path, request.All);
            while (true)
            {
                room.RequireFree(request.All);    // names are data, too, and a rule holds from when it is made
                if (await Background.Run(() => listing.Next(stop), "list files").ConfigureAwait(false) is not { Files.Count: > 0 } found)
                {
                    return;
                }

                await responseStream.WriteAsync(found, stop).ConfigureAwait(false);
            }
        });

    private static bool IsDirectory(FileTree files, FilePath path)
    {
        try
        {
            return files.Find(path) is { IsDirectory: true };
        }
        catch (FaultException)
        {
            return false;    // something on the way there is none
        }
    }

    private static async Task ListLetAsync(TransferRoom room, ListFilesRequest request, Func<Visitor> by, IServerStreamWriter<FilesFound> to, CancellationToken stop)
    {
        var path = FilePath.Parse(request.Path.Span);
        using var let = await Background.Run(() => room.Airlock.Open(request.Out, request.Look, by()), "open a request").ConfigureAwait(false);
        foreach (var some in Batches(let.Files().Where(f => FilePath.Parse(f.Path.Span).IsBelow(path)), f => f.Path.Length + 16))
        {
            room.Airlock.RequireOpen(request.Out, request.Look, by());    // asked for each part: who was an owner may be none by now
            await to.WriteAsync(
                new FilesFound { Files = { some.Select(f => new FileFound { Path = f.Path, Kind = FileKind.File, Length = f.Length }) } }, stop).ConfigureAwait(false);
        }
    }

    private Roster.Member MemberOf(LiveSession session) =>
        safe.Roster is { } roster && roster.FindDevice(session.Device) is { } device && roster.Members.FirstOrDefault(m => m.Id == device.Member) is { } member
            ? member : throw new FaultException(FaultCodes.UnknownDevice);

    /// <summary>Ends with the session, and with the safe: what is under way then is left where the next one finds it.</summary>
    private async Task TransferAsync(ServerCallContext context, Func<TransferRoom, LiveSession, CancellationToken, Task> work)
    {
        var session = RequireSession(context);
        await safe.Work.RunAsync(
            async stop =>
            {
                var room = safe.Transfers ?? throw new FaultException(FaultCodes.NotOpen);
                using var place = room.Enter(session);
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
                var transfer = work(room, session, ended.Token);
                await Task.WhenAny(transfer, session.Ended).ConfigureAwait(false);
                if (!transfer.IsCompleted)
                {
                    await ended.CancelAsync().ConfigureAwait(false);
                }

                try
                {
                    await transfer.ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (session.Ended.IsCompleted && !stop.IsCancellationRequested)
                {
                    throw new FaultException(FaultCodes.NoSession);
                }

                return true;
            },
            context.CancellationToken).ConfigureAwait(false);
    }
}
