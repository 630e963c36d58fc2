using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Hypervisor.Api;

/// <summary>The owners' rules: any member reads them, an owner's device adds signed entries.</summary>
public sealed partial class SafeApi
{
    /// <summary>So many bytes of entries to a message; whoever wants more asks again.</summary>
    private const int RulesPerReply = 1 << 20;

    public override Task<RulesReply> GetRules(RulesRequest request, ServerCallContext context)
    {
        RequireSession(context);
        var rules = Workspace.Rules;
        var reply = new RulesReply { Problem = rules.Problem ?? "" };
        var entries = rules.Book.Entries;
        int bytes = 0;
        for (int i = (int)Math.Min(request.After, (ulong)entries.Count); i < entries.Count && bytes < RulesPerReply; i++)
        {
            reply.Entries.Add(ByteString.CopyFrom(entries[i].Bytes.Span));
            bytes += entries[i].Bytes.Length;
        }

        reply.More = (ulong)entries.Count > request.After + (ulong)reply.Entries.Count;
        return Task.FromResult(reply);
    }

    public override async Task<ChangeRulesReply> ChangeRules(ChangeRulesRequest request, ServerCallContext context)
    {
        RequireSession(context);
        var device = Caller.Of(context).Peer.Device;
        return await parts.Work.RunAsync(
            async _ =>
            {
                var roster = parts.Vault.Roster ?? throw new FaultException(FaultCodes.Unclaimed);
                var book = Workspace.Rules.Append(device, request.Entry.ToByteArray(), roster);
                await parts.Safe.RulesChangedAsync().ConfigureAwait(false);
                return new ChangeRulesReply { Number = (uint)book.Entries.Count };
            },
            context.CancellationToken).ConfigureAwait(false);
    }
}
