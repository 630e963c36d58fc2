using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts.V1;

namespace Safes.Client.Tests.Fake;

/// <summary>The inside network and the proxy's log, as it says they are.</summary>
public sealed partial class FakeSafe
{
    public string RequestLog { get; set; } = "";

    public Task<NetworkReply> GetNetwork(NetworkRequest request, ServerCallContext context) => Task.FromResult(new NetworkReply
    {
        Prefix = "10.77.17.0/24" + Evil,
        Prefix6 = "fd00:77:17::/64" + Evil,
        Shell = true,
        GatewayUp = true,
        Devices = { "anna's laptop" + Evil },
        Hosts =
        {
            Hosts.Select((h, n) => new NetworkHost
            {
                Name = h.Name + Evil,
                Address = h.Address + Evil,
                Address6 = "fd00:77:17::" + (10 + n).ToString(CultureInfo.InvariantCulture) + Evil,
                Group = Evil,
                Spoofed = (ulong)n * 3,
                Refused = (ulong)n,
            }),
        },
    });

    public Task<RuleLogReply> ReadRuleLog(RuleLogRequest request, ServerCallContext context) =>
        Task.FromResult(new RuleLogReply { End = ByteString.CopyFromUtf8(RequestLog) });
}
