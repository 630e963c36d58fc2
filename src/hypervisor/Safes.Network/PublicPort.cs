using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Network;

/// <summary>The way from the server's public UDP port to the gateway's uplink, and nothing back but answers.</summary>
internal sealed class PublicPort : IDisposable
{
    private readonly NetworkPlan plan;
    private readonly Socket claim;

    private PublicPort(NetworkPlan plan, Socket claim) => (this.plan, this.claim) = (plan, claim);

    private string Link => LinkOf(plan);

    /// <summary>Takes the port for this process. The gateway answers on it, so nobody else may: who did would never hear anything.</summary>
    /// <exception cref="NetworkException">Somebody has it.</exception>
    public static PublicPort Claim(NetworkPlan plan) => Ip.In(plan.ServerNamespacePin, () =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, plan.PublicPort));
            return new PublicPort(plan, socket);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            throw new NetworkException(NetworkFailure.PortTaken, $"UDP port {plan.PublicPort} is in use on this server", e);
        }
    });

    /// <summary>Takes rules, link and forwarding away again.</summary>
    public static async Task CloseAsync(NetworkPlan plan)
    {
        var opened = await OpenedAsync(plan).ConfigureAwait(false);
        string table = PublicRules.Table(plan.Addresses);
        if (await Ip.ExistsAsync(LinkOf(plan), plan.ServerNamespacePin).ConfigureAwait(false))
        {
            await Tool.RunAsync("ip", ["link", "delete", LinkOf(plan)], network: plan.ServerNamespacePin).ConfigureAwait(false);
        }

        foreach (string link in opened)
        {
            Setting.Write(plan.ServerNamespacePin, $"net/ipv4/conf/{link}/forwarding", "0");
        }

        await Nft.ApplyAsync(plan.ServerNamespacePin, $"table {table}\ndelete table {table}\n").ConfigureAwait(false);
    }

    public void Dispose() => claim.Dispose();

    private static string LinkOf(NetworkPlan plan) => LinkOf(plan.Addresses);

    /// <summary>The server's end of a safe's uplink.</summary>
    public static string LinkOf(SafeAddresses addresses) => $"safe-{addresses.Mark}";

    /// <summary>Makes rules and link, and has the server forward along them.</summary>
    public async Task ConnectAsync()
    {
        string? server = plan.ServerNamespacePin;
        var outer = await Ip.LinksAsync(server).ConfigureAwait(false);
        bool whole = outer.Contains(Link) && (await Ip.LinksAsync(plan.NamespacePin).ConfigureAwait(false)).Contains(Links.UplinkInner);
        var opened = await OpenedAsync(plan).ConfigureAwait(false);
        // Rules before the link, so that nothing ever comes through it unfiltered.
        foreach (string link in outer.Where(l => l is not "lo" && l != Link && Setting.Read(server, $"net/ipv4/conf/{l}/forwarding") == "0"))
        {
            opened.Add(link);
        }

        opened.IntersectWith(outer);
        await ApplyRulesAsync(opened).ConfigureAwait(false);
        await Ip.BatchAsync(server, $"""
            {(whole || !outer.Contains(Link) ? "" : $"link delete {Link}")}
            {(whole ? "" : $"link add {Link} type veth peer name {Links.UplinkInner} netns {plan.NamespacePin}")}
            link set {Link} addrgenmode none
            addr replace {plan.Addresses.UplinkRouter}/30 dev {Link}
            link set {Link} up
            """).ConfigureAwait(false);
        await Ip.BatchAsync(plan.NamespacePin, $"link set {Links.UplinkInner} addrgenmode none master {Links.Uplink} up").ConfigureAwait(false);
        Setting.Write(server, $"net/ipv6/conf/{Link}/disable_ipv6", "1");
        Setting.Write(server, $"net/ipv4/conf/{Link}/arp_ignore", "1");
        foreach (string link in opened.Append(Link))
        {
            Setting.Write(server, $"net/ipv4/conf/{link}/forwarding", "1");
        }
    }

    private async Task ApplyRulesAsync(HashSet<string> opened)
    {
        try
        {
            await Nft.ApplyAsync(plan.ServerNamespacePin, PublicRules.Text(plan.Addresses, plan.PublicPort, Link, opened)).ConfigureAwait(false);
        }
        catch (ToolException e)
        {
            if (await Nft.CanTranslateAsync(plan.ServerNamespacePin).ConfigureAwait(false))
            {
                throw;
            }

            throw new NetworkException(
                NetworkFailure.NoAddressTranslation, "this kernel's nftables have no address translation (nat), so the gateway cannot be reached", e);
        }
    }

    // What was switched on is remembered where it acts: in the rules. Where the server forwards anyway nothing was.
    private static async Task<HashSet<string>> OpenedAsync(NetworkPlan plan)
    {
        if (Setting.Read(plan.ServerNamespacePin, "net/ipv4/ip_forward") == "1")
        {
            return [];
        }

        var set = await Tool.TryAsync("nft", ["list", "set", .. PublicRules.Table(plan.Addresses).Split(' '), "opened"], network: plan.ServerNamespacePin)
            .ConfigureAwait(false);
        string text = set.Exit == 0 ? set.Output : "";
        int start = text.IndexOf("elements = {", StringComparison.Ordinal);
        return start < 0 ? [] : [.. text[start..].Split('"').Where((_, i) => i % 2 == 1)];
    }
}
