using Grpc.Core;
using Safes.Contracts.V1;
using Safes.Hypervisor.Airlocks;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Hypervisor.Within.Api;

/// <summary>The airlock: who asks for files to be let out, who looks into it and decides, and what was done.</summary>
public sealed partial class InsideApi
{
    private const int MessageBytes = 16 << 10;

    public override async Task<OutEntry> AskOut(AskOutRequest request, ServerCallContext context)
    {
        OutEntry? asked = null;
        await TransferAsync(context, async (room, session, stop) =>
        {
            var by = VisitorOf(room, session);
            asked = Airlock.Seen(
                await Background.Run(() => room.Airlock.Ask(by, [.. request.Paths.Select(p => FilePath.Parse(p.Span))], request.Reason, DateTimeOffset.UtcNow, stop), "ask out").ConfigureAwait(false), by);
        }).ConfigureAwait(false);
        safe.Notices.Tell("out", $"{asked!.Member} asks for files to be let out; an owner decides: safe out show {asked.Number}");
        return asked;
    }

    public override Task ListOut(ListOutRequest request, IServerStreamWriter<OutEntry> responseStream, ServerCallContext context) =>
        TransferAsync(context, async (room, session, stop) =>
        {
            foreach (var entry in await Background.Run(() => room.Airlock.EntriesFor(VisitorOf(room, session)), "list requests").ConfigureAwait(false))
            {
                await responseStream.WriteAsync(entry, stop).ConfigureAwait(false);
            }
        });

    public override Task ShowOut(OutNumber request, IServerStreamWriter<OutFiles> responseStream, ServerCallContext context) =>
        TransferAsync(context, async (room, session, stop) =>
        {
            using var content = await Background.Run(() => room.Airlock.Show(request.Number, VisitorOf(room, session)), "show a request").ConfigureAwait(false);
            foreach (var some in Batches(content.Files(), f => f.Path.Length + 64))
            {
                room.Airlock.RequireShown(request.Number, VisitorOf(room, session));    // asked for each part: a rule holds from when it is made
                await responseStream.WriteAsync(new OutFiles { Files = { some } }, stop).ConfigureAwait(false);
            }
        });

    public override async Task<OutEntry> DecideOut(DecideOutRequest request, ServerCallContext context)
    {
        OutEntry? decided = null;
        await TransferAsync(context, async (room, session, _) => decided = await Background.Run(
            () => room.Airlock.Decide(request.Number, request.Approve, request.Reason, request.Digest.Span, VisitorOf(room, session), DateTimeOffset.UtcNow), "decide a request").ConfigureAwait(false)).ConfigureAwait(false);
        safe.Notices.Tell("out", $"{decided!.DecidedBy} {(request.Approve ? "approved" : "refused")} request {decided.Number} of {decided.Member}");
        return decided;
    }

    public override Task ReadOutLog(ReadOutLogRequest request, IServerStreamWriter<OutLogLines> responseStream, ServerCallContext context) =>
        TransferAsync(context, async (room, session, stop) =>
        {
            foreach (string[] some in Batches(room.Airlock.Log.Read(), l => l.Length))
            {
                // Asked for each part, after it was read: a rule holds from when it is made, and from there on lines say less.
                bool whole = VisitorOf(room, session) is { Free: true } or { Member.IsOwner: true };
                await responseStream.WriteAsync(new OutLogLines { Lines = { some.Select(l => whole ? l : OutLog.Bare(l)) } }, stop).ConfigureAwait(false);
            }
        });

    private Visitor VisitorOf(TransferRoom room, LiveSession session) => new(
        MemberOf(session), session.DeviceName, safe.Roster!.Members.Any(m => m.IsOwner && m.Id != MemberOf(session).Id), room.IsFree);

    private static IEnumerable<T[]> Batches<T>(IEnumerable<T> all, Func<T, int> size)
    {
        List<T> some = [];
        int bytes = 0;
        foreach (var one in all)
        {
            some.Add(one);
            if ((bytes += size(one)) > MessageBytes)
            {
                yield return [.. some];
                some.Clear();
                bytes = 0;
            }
        }

        if (some.Count > 0)
        {
            yield return [.. some];
        }
    }
}
