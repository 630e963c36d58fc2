using Safes.Linux;

namespace Safes.Network;

/// <summary>The proxy host's way to the internet: a link from the inside bridge to the server's namespace. It exists only while there is a proxy.</summary>
internal static class WorldLink
{
    /// <summary>Of the server's end.</summary>
    public const string Mac = "52:54:00:53:00:04";

    public static string LinkOf(SafeAddresses addresses) => $"world-{addresses.Mark}";

    /// <summary>Makes what is missing of it, and replaces the rules. Rules before the link, so that nothing ever comes through it unfiltered.
    /// Returns the server's rules as they are now; null when they are gone already.</summary>
    public static async Task<string?> EnsureAsync(NetworkPlan plan, WorldPlan world)
    {
        string? server = plan.ServerNamespacePin;
        string link = LinkOf(plan.Addresses);
        await Nft.ApplyAsync(plan.NamespacePin, WorldRules.Fill(world)).ConfigureAwait(false);
        await Nft.ApplyAsync(server, WorldRules.Outside(plan.Addresses, link, world)).ConfigureAwait(false);
        bool outer = await Ip.ExistsAsync(link, server).ConfigureAwait(false);
        bool inner = await Ip.ExistsAsync(Links.World, plan.NamespacePin).ConfigureAwait(false), whole = outer && inner;
        if (inner && !outer)
        {
            // Somebody has moved the server's end away.
            await Ip.BatchAsync(plan.NamespacePin, $"link delete {Links.World}").ConfigureAwait(false);
        }

        await Ip.BatchAsync(server, $"""
            {(whole || !outer ? "" : $"link delete {link}")}
            {(whole ? "" : $"link add {link} address {Mac} type veth peer name {Links.World} netns {plan.NamespacePin}")}
            link set {link} nomaster addrgenmode none
            addr replace {plan.Addresses.WorldRouter}/30 dev {link}
            link set {link} up
            """).ConfigureAwait(false);
        await Ip.BatchAsync(plan.NamespacePin, $"link set {Links.World} addrgenmode none master {Links.Inside} up").ConfigureAwait(false);
        Setting.WriteLink(server, link);
        return await Nft.ListAsync(server, WorldRules.Table(plan.Addresses)).ConfigureAwait(false);
    }

    /// <summary>Looks what is not as it was made.</summary>
    /// <param name="applied">What <see cref="EnsureAsync"/> said.</param>
    public static async Task<Missing> LookAsync(NetworkPlan plan, string? applied)
    {
        string? server = plan.ServerNamespacePin;
        string link = LinkOf(plan.Addresses);
        return (applied is not null && await Nft.ListAsync(server, WorldRules.Table(plan.Addresses)).ConfigureAwait(false) == applied ? Missing.None : Missing.Rules)
            | (await Ip.HasAddressAsync(server, link, plan.Addresses.WorldRouter).ConfigureAwait(false) ? Missing.None : Missing.Link)
            | (Setting.IsForwarding(server, link) ? Missing.None : Missing.Forwarding)
            | (Setting.LinkIsAsItShould(server, link) ? Missing.None : Missing.Settings);
    }

    /// <summary>Has the server forward nothing that comes through it.</summary>
    public static void Stop(NetworkPlan plan) => Setting.Forward(plan.ServerNamespacePin, LinkOf(plan.Addresses), false);

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
