using Safes.Linux;

namespace Safes.Network;

/// <summary>The proxy host's way to the internet: a link from the inside bridge to the server's namespace. It exists only while there is a proxy.</summary>
internal static class WorldLink
{
    /// <summary>Of the server's end.</summary>
    public const string Mac = "52:54:00:53:00:04";

    public static string LinkOf(SafeAddresses addresses) => $"world-{addresses.Mark}";

    /// <summary>Makes what is missing of it, and replaces the rules. Rules before the link, so that nothing ever comes through it unfiltered.</summary>
    public static async Task EnsureAsync(NetworkPlan plan, WorldPlan world)
    {
        string? server = plan.ServerNamespacePin;
        string link = LinkOf(plan.Addresses);
        await Nft.ApplyAsync(plan.NamespacePin, WorldRules.Fill(world)).ConfigureAwait(false);
        await Nft.ApplyAsync(server, WorldRules.Outside(plan.Addresses, link, world)).ConfigureAwait(false);
        bool outer = await Ip.ExistsAsync(link, server).ConfigureAwait(false);
        bool whole = outer && await Ip.ExistsAsync(Links.World, plan.NamespacePin).ConfigureAwait(false);
        await Ip.BatchAsync(server, $"""
            {(whole || !outer ? "" : $"link delete {link}")}
            {(whole ? "" : $"link add {link} address {Mac} type veth peer name {Links.World} netns {plan.NamespacePin}")}
            link set {link} addrgenmode none
            addr replace {plan.Addresses.WorldRouter}/30 dev {link}
            link set {link} up
            """).ConfigureAwait(false);
        await Ip.BatchAsync(plan.NamespacePin, $"link set {Links.World} addrgenmode none master {Links.Inside} up").ConfigureAwait(false);
        Setting.Write(server, $"net/ipv6/conf/{link}/disable_ipv6", "1");
        Setting.Write(server, $"net/ipv4/conf/{link}/arp_ignore", "1");
        Setting.Write(server, $"net/ipv4/conf/{link}/forwarding", "1");
    }

    /// <summary>Takes link and rules away. Nothing happens where there are none.</summary>
    public static async Task RemoveAsync(NetworkPlan plan)
    {
        if (await Ip.ExistsAsync(LinkOf(plan.Addresses), plan.ServerNamespacePin).ConfigureAwait(false))
        {
            await Tool.RunAsync("ip", ["link", "delete", LinkOf(plan.Addresses)], network: plan.ServerNamespacePin).ConfigureAwait(false);
        }

        string table = WorldRules.Table(plan.Addresses);
        await Nft.ApplyAsync(plan.ServerNamespacePin, $"table {table}\ndelete table {table}\n").ConfigureAwait(false);
    }
}
