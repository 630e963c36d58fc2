using Safes.Linux;

namespace Safes.Network;

/// <summary>What lies in the safe's namespace: settings, rules, bridges, the gateway's taps.</summary>
internal static class SafeLinks
{
    public const int QueuedFrames = 1000;

    public static async Task EnsureAsync(NetworkPlan plan)
    {
        string pin = plan.NamespacePin;
        foreach (var (setting, value) in Settings)
        {
            Setting.Write(pin, setting, value);
        }

        try
        {
            await Nft.ApplyAsync(pin, SafeRules.Text(plan.Addresses, plan.Ula, plan.PublicPort) + WorldRules.Inside(plan.Addresses)).ConfigureAwait(false);
        }
        catch (ToolException e)
        {
            if (await Nft.CanFilterBridgesAsync(pin).ConfigureAwait(false))
            {
                throw;
            }

            throw new NetworkException(NetworkFailure.NoBridgeFilter, "this kernel's nftables do not filter bridges", e);
        }

        var there = await Ip.LinksAsync(pin).ConfigureAwait(false);
        var commands = new List<string>();
        foreach (string bridge in (string[])[Links.Uplink, Links.Inside])
        {
            if (!there.Contains(bridge))
            {
                commands.Add($"link add {bridge} type bridge mcast_snooping 0 forward_delay 0");
            }

            commands.Add($"link set {bridge} addrgenmode none up");
        }

        // The gateway's taps stay while it is started again, and with them addresses and places in the bridges.
        foreach (string tap in (string[])[Links.GatewayUplink, Links.GatewayInside, Links.Control])
        {
            if (!there.Contains(tap))
            {
                commands.Add($"tuntap add dev {tap} mode tap vnet_hdr");
            }
        }

        // What a gateway that does not read leaves in the server's memory: so many frames on each link, whatever is sent to it.
        commands.AddRange(((string[])[Links.GatewayUplink, Links.GatewayInside, Links.Control]).Select(l => $"link set {l} txqueuelen {QueuedFrames}"));
        commands.Add($"link set {Links.GatewayUplink} addrgenmode none master {Links.Uplink} up");
        commands.Add($"link set {Links.GatewayInside} addrgenmode none master {Links.Inside} up");
        commands.Add($"link set {Links.Control} addrgenmode none");
        commands.Add($"addr replace {plan.Addresses.ControlHypervisor}/30 dev {Links.Control}");
        commands.Add($"link set {Links.Control} up");
        await Ip.BatchAsync(pin, string.Join('\n', commands)).ConfigureAwait(false);
    }

    public static async Task RemoveAsync(NetworkPlan plan)
    {
        var there = await Ip.LinksAsync(plan.NamespacePin).ConfigureAwait(false);
        string[] ours = [Links.UplinkInner, Links.World, Links.GatewayUplink, Links.GatewayInside, Links.Control, Links.Uplink, Links.Inside];
        await Ip.BatchAsync(plan.NamespacePin, string.Join('\n', ours.Where(there.Contains).Select(l => $"link delete {l}"))).ConfigureAwait(false);
    }

    private static readonly (string Setting, string Value)[] Settings =
    [
        ("net/ipv4/ip_forward", "0"),
        ("net/ipv4/conf/all/arp_ignore", "1"),
        ("net/ipv4/conf/all/accept_redirects", "0"),
        ("net/ipv4/conf/default/accept_redirects", "0"),
        ("net/ipv6/conf/all/disable_ipv6", "1"),
        ("net/ipv6/conf/default/disable_ipv6", "1"),
        // Bridged packets are ruled by the bridge's table alone, wherever this server may have br_netfilter loaded.
        ("net/bridge/bridge-nf-call-iptables", "0"),
        ("net/bridge/bridge-nf-call-ip6tables", "0"),
        ("net/bridge/bridge-nf-call-arptables", "0"),
    ];
}
