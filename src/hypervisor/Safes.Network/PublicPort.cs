using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Network;

/// <summary>The way from the server's public UDP port to the gateway's uplink, and nothing back but answers.</summary>
internal sealed class PublicPort : IDisposable
{
    private readonly NetworkPlan plan;
    private readonly Socket claim;
    private HashSet<string> opening = [];
    private bool sparing;
    private string? applied;

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
            Setting.Forward(plan.ServerNamespacePin, link, false);
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
        bool made = outer.Contains(Link), joined = (await Ip.LinksAsync(plan.NamespacePin).ConfigureAwait(false)).Contains(Links.UplinkInner), whole = made && joined;
        var opened = await OpenedAsync(plan).ConfigureAwait(false);
        opened.UnionWith(Shut());
        opened.IntersectWith(outer);
        // Remembered before it is done, and rules before the link, so that nothing ever comes through it unfiltered.
        sparing = !Setting.ForwardsAnyway(server);
        await Nft.ApplyAsync(plan.NamespacePin, SafeRules.Opened(sparing ? [.. opened, SafeRules.Sparing] : opened)).ConfigureAwait(false);
        await ApplyRulesAsync(opened).ConfigureAwait(false);
        if (joined && !made)
        {
            // Somebody has moved the server's end away.
            await Ip.BatchAsync(plan.NamespacePin, $"link delete {Links.UplinkInner}").ConfigureAwait(false);
        }

        await Ip.BatchAsync(server, $"""
            {(whole || !made ? "" : $"link delete {Link}")}
            {(whole ? "" : $"link add {Link} type veth peer name {Links.UplinkInner} netns {plan.NamespacePin}")}
            link set {Link} nomaster addrgenmode none
            addr replace {plan.Addresses.UplinkRouter}/30 dev {Link}
            link set {Link} up
            """).ConfigureAwait(false);
        await Ip.BatchAsync(plan.NamespacePin, $"link set {Links.UplinkInner} addrgenmode none master {Links.Uplink} up").ConfigureAwait(false);
        Setting.WriteLink(server, Link);
        foreach (string link in opened)
        {
            Setting.Forward(server, link, true);
        }
    }

    /// <summary>Looks what is not as it was made.</summary>
    public async Task<Missing> LookAsync()
    {
        string? server = plan.ServerNamespacePin;
        var missing = Missing.None;
        if (applied is null || await Nft.ListAsync(server, PublicRules.Table(plan.Addresses)).ConfigureAwait(false) != applied)
        {
            missing |= Missing.Rules;
        }

        if (!await Ip.HasAddressAsync(server, Link, plan.Addresses.UplinkRouter).ConfigureAwait(false))
        {
            missing |= Missing.Link;
        }

        if (!Setting.IsForwarding(server, Link) || Shut().Length > 0)
        {
            missing |= Missing.Forwarding;
        }

        // What others have switched on since, for the whole server, is no longer for this safe alone.
        if (sparing && Setting.ForwardsAnyway(server))
        {
            missing |= Missing.Leave;
        }

        return Setting.LinkIsAsItShould(server, Link) ? missing : missing | Missing.Settings;
    }

    /// <summary>Has the server forward nothing along the link, and nothing that it forwards for this safe alone.</summary>
    public void Stop()
    {
        foreach (string link in opening.Append(Link))
        {
            Setting.Forward(plan.ServerNamespacePin, link, false);
        }
    }

    // Links that devices may come by and whose packets are not forwarded.
    private string[] Shut() => [.. Setting.NotForwarding(plan.ServerNamespacePin).Except([Link, WorldLink.LinkOf(plan.Addresses)])];

    private async Task ApplyRulesAsync(HashSet<string> opened)
    {
        opening = opened;
        applied = null;
        try
        {
            await Nft.ApplyAsync(plan.ServerNamespacePin, PublicRules.Text(plan.Addresses, plan.PublicPort, Link, opened)).ConfigureAwait(false);
            applied = await Nft.ListAsync(plan.ServerNamespacePin, PublicRules.Table(plan.Addresses)).ConfigureAwait(false);
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

    // What was switched on is remembered in the safe's namespace, where nobody else's rules are: the server's may be flushed any time. What
    // was so while the server did not forward is nothing any more once it does.
    private static async Task<HashSet<string>> OpenedAsync(NetworkPlan plan)
    {
        string text = !NetworkNamespace.Exists(plan.NamespacePin) ? ""
            : await Nft.ListSetAsync(plan.NamespacePin, SafeRules.OpenedTable, SafeRules.OpenedSet).ConfigureAwait(false) ?? "";
        int start = text.IndexOf("elements = {", StringComparison.Ordinal);
        HashSet<string> opened = start < 0 ? [] : [.. text[start..].Split('"').Where((_, i) => i % 2 == 1)];
        return opened.Remove(SafeRules.Sparing) && Setting.ForwardsAnyway(plan.ServerNamespacePin) ? [] : opened;
    }
}
