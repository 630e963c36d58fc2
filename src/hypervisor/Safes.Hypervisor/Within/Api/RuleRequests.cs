using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Outside;
using Safes.Keys;
using Safes.Rules;
using Safes.Rules.Outside;

namespace Safes.Hypervisor.Within.Api;

/// <summary>The owners' rules: any member reads them, an owner's device adds signed entries.</summary>
public sealed partial class InsideApi
{
    /// <summary>So many bytes of entries to a message; whoever wants more asks again.</summary>
    private const int RulesPerReply = 1 << 18;

    /// <summary>Less than devices wait for an answer.</summary>
    private static readonly TimeSpan EnforceLimit = TimeSpan.FromSeconds(10);

    public override async Task<RulesReply> GetRules(RulesRequest request, ServerCallContext context)
    {
        RequireSession(context);
        string? waiting = request.InForce
            ? await safe.Work.RunAsync(_ => Workspace.Outside.EnforceAsync(EnforceLimit, heard: true), context.CancellationToken).ConfigureAwait(false)
            : null;
        var rules = Workspace.Rules;
        var reply = new RulesReply { Problem = rules.Problem ?? "", Waiting = waiting ?? "" };
        var entries = rules.Book.Entries;
        int bytes = 0;
        for (int i = (int)Math.Min(request.After, (ulong)entries.Count); i < entries.Count && bytes < RulesPerReply; i++)
        {
            reply.Entries.Add(ByteString.CopyFrom(entries[i].Bytes.Span));
            bytes += entries[i].Bytes.Length;
        }

        reply.More = (ulong)entries.Count > request.After + (ulong)reply.Entries.Count;
        return reply;
    }

    public override async Task<ChangeRulesReply> ChangeRules(ChangeRulesRequest request, ServerCallContext context)
    {
        RequireSession(context);
        var device = Caller.Of(context).Peer.Device;
        return await safe.Work.RunAsync(
            async _ =>
            {
                var roster = safe.Roster ?? throw new FaultException(FaultCodes.Unclaimed);
                byte[] entry = request.Entry.ToByteArray();
                var rule = RuleOf(entry);
                Check(rule as AllowRule);
                bool gives = rule is AllowRule, takes = rule is RemoveRule remove && Workspace.Rules.Book.Standing.Any(s => s.Number == remove.Number && s.Rule is AllowRule);
                var book = Workspace.Rules.Append(device, entry, roster);
                await safe.RulesChangedAsync().ConfigureAwait(false);
                string? waiting = gives || takes ? await Workspace.Outside.EnforceAsync(EnforceLimit, heard: gives).ConfigureAwait(false) : null;
                return new ChangeRulesReply { Number = (uint)book.Entries.Count, Waiting = waiting ?? "" };
            },
            context.CancellationToken).ConfigureAwait(false);
    }

    /// <summary>It is the team's own traffic; what hosts chose of it goes to owners alone where data leave by approval alone.</summary>
    public override Task<RuleLogReply> ReadRuleLog(RuleLogRequest request, ServerCallContext context)
    {
        bool owner = MemberOf(RequireSession(context)).IsOwner;
        return safe.Work.RunAsync(
            _ => Task.FromResult(RequestLog.For(
                Workspace.Outside.ReadLog((int)Math.Min(request.LastBytes, RulesPerReply)), owner, Workspace.Rules.DataOut, Workspace.Rules.Book.Standing, Workspace.Hosts.Addresses)),
            context.CancellationToken);
    }

    // Null: it is none, which is said when it is appended.
    private static Rule? RuleOf(byte[] entry)
    {
        try
        {
            return RuleEntry.Parse(entry).Rule;
        }
        catch (MalformedException)
        {
            return null;
        }
    }

    // What makes no sense now is refused before it stands in the chain for good.
    private void Check(AllowRule? rule)
    {
        if (rule is not null && AllowCheck.Of(rule, Workspace.Hosts.Addresses.Keys, DateTimeOffset.UtcNow) is { } flaw)
        {
            throw flaw.Flaw switch
            {
                AllowFlaw.Host => new FaultException(FaultCodes.HostUnknown, ("host", flaw.Word)),
                AllowFlaw.Preset => new FaultException(FaultCodes.PresetUnknown, ("name", flaw.Word)),
                AllowFlaw.Method => new FaultException(FaultCodes.MethodUnknown, ("method", flaw.Word)),
                AllowFlaw.Past => new FaultException(FaultCodes.TimePast),
                _ => new FaultException(FaultCodes.Destination, ("text", flaw.Word)),
            };
        }
    }
}
