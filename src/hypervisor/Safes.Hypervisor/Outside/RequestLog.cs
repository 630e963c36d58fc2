using System.Net;
using System.Text;
using Safes.Contracts.V1;
using Safes.Rules;
using Safes.Rules.Outside;

namespace Safes.Hypervisor.Outside;

/// <summary>
/// The log of requests as members see it. Hosts choose what stands in it, so where data leave by approval alone it would be a way out past
/// that: only owners, who approve, see all of it then.
/// </summary>
internal static class RequestLog
{
    /// <param name="end">Of the log: untrusted bytes.</param>
    public static RuleLogReply For(byte[] end, bool owner, DataOut mode, IReadOnlyList<StandingRule> standing, IReadOnlyDictionary<string, IPAddress> hosts)
    {
        if (owner || mode == DataOut.Free)
        {
            return new RuleLogReply { End = Google.Protobuf.ByteString.CopyFrom(end) };
        }

        var rules = standing.Where(s => s.Rule is AllowRule).ToDictionary(s => s.Number, s => ((AllowRule)s.Rule).To);
        var lines = Encoding.UTF8.GetString(end).Split('\n').Select(LoggedRequest.Parse).Select(r => r?.Covered(rules, hosts)).OfType<LoggedRequest>().Select(r => r.Line + "\n");
        return new RuleLogReply { End = Google.Protobuf.ByteString.CopyFromUtf8(string.Concat(lines)), Covered = true };
    }
}
