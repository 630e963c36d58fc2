using Grpc.Core;
using Safes.Contracts.V1;
using Safes.Network;
using Safes.Rules;

namespace Safes.Hypervisor.Within.Api;

/// <summary>The inside network, for any member with a session: it hides nothing from those whose it is.</summary>
public sealed partial class InsideApi
{
    public override async Task<NetworkReply> GetNetwork(NetworkRequest request, ServerCallContext context)
    {
        RequireSession(context);
        return await safe.Work.RunAsync(_ => TellNetworkAsync(), context.CancellationToken).ConfigureAwait(false);
    }

    private async Task<NetworkReply> TellNetworkAsync()
    {
        var open = Workspace;
        var ports = open.Hosts.Options.Ports;
        var plan = Ways.WaysPlan.Of(open.Rules, open.Hosts.Numbers, ports.Address);
        var counts = await safe.Ways.CountAsync(open.Hosts.Numbers.Values).ConfigureAwait(false);
        var groups = open.Rules.Book.Standing.Select(s => s.Rule).OfType<GroupRule>().ToArray();
        var reply = new NetworkReply
        {
            Shell = plan.In.Shell,
            GatewayUp = safe.Circumstances.GatewayUp,
            Prefix = $"{new System.Net.IPNetwork(Masked(ports.Gateway), 24)}",
            Prefix6 = $"{UlaPrefix.Of(safe.Init.Span)}",
        };
        reply.Devices.AddRange(Present());
        foreach (var (name, number) in open.Hosts.Numbers.OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            var refused = counts.GetValueOrDefault(number, Refusals.None);
            reply.Hosts.Add(new NetworkHost
            {
                Name = name,
                Address = $"{ports.Address(number)}",
                Address6 = $"{ports.Address6(number)}",
                Group = groups.FirstOrDefault(g => g.Hosts.Contains(name))?.Group ?? "",
                Exposed = { plan.In.Services.Where(s => s.Host.Equals(ports.Address(number))).Select(s => (uint)s.Port).Order() },
                Spoofed = refused.Spoofed,
                Refused = refused.Refused,
            });
        }

        return reply;
    }

    private IEnumerable<string> Present() =>
        safe.Sessions.All.Select(s => $"{s.Member}'s {s.DeviceName}").Distinct().Order(StringComparer.Ordinal);

    private static System.Net.IPAddress Masked(System.Net.IPAddress gateway) => new([.. gateway.GetAddressBytes()[..3], 0]);
}
