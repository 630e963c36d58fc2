namespace Safes.Network;

/// <summary>
/// The rules in the safe's own namespace, as nft reads them. Sets are kept when rules are replaced, so that ports which are let through
/// stay so over a restart of safed; the text is one transaction.
/// </summary>
internal static class SafeRules
{
    /// <summary>The sets whose elements count what a port was refused.</summary>
    public const string SpoofedSet = "spoofing", RefusedSet = "refused";

    // Only the bridge family's tables see bridged packets. Sets are added without being emptied; chains are emptied and filled again.
    public static string Text(SafeAddresses addresses, UlaPrefix ula, int port) =>
        $$"""
        table bridge safe {
          # who may send from which port: interface, MAC, address
          set ports { type ifname . ether_addr . ipv4_addr; }
          set ports6 { type ifname . ether_addr . ipv6_addr; }
          # whose IPv6 address a port may say it has: the last 32 bits
          set targets { type ifname . mark; }
          # ports of hosts that are let through
          set through { type ifname; }
          # devices with a session, and what they reach: ports of every host, single services
          set allowed { type ipv4_addr; }
          set doors { type inet_service; }
          set services { type ipv4_addr . inet_service; }
          # hosts that are in a group, the number of each one's group, and who is in which
          set grouped { type ifname; }
          map groups { type ifname : mark; }
          set together { type ifname . mark; }
          # what each port was refused
          set spoofing { type ifname; counter; }
          set refused { type ifname; counter; }
          chain spoofed { type filter hook prerouting priority -300; policy drop; }
          chain forward { type filter hook forward priority filter; policy drop; }
          chain six { }
          chain from_gateway { }
          chain to_gateway { }
          chain hosts { }
          chain same_group { }
          chain from_uplink { }
          chain to_uplink { }
          chain input { type filter hook input priority filter; policy drop; }
          chain output { type filter hook output priority filter; policy drop; }
        }
        flush table bridge safe
        add element bridge safe ports {
          "{{Links.GatewayInside}}" . {{GatewayPorts.InsideMac}} . {{addresses.InsideGateway}},
          "{{Links.GatewayUplink}}" . {{GatewayPorts.UplinkMac}} . {{addresses.UplinkGateway}}
        }
        table bridge safe {
          # Before the bridge learns where a MAC lives: a false one would draw another port's packets.
          chain spoofed {
            iifname "{{Links.GatewayInside}}" ether saddr {{GatewayPorts.InsideMac}} ip saddr @allowed accept
            ether type ip iifname . ether saddr . ip saddr @ports accept
            ether type arp iifname . arp saddr ether . arp saddr ip @ports iifname . ether saddr . arp saddr ip @ports accept
            iifname "{{Links.UplinkInner}}" accept
            ether type ip6 iifname . ether saddr . ip6 saddr @ports6 jump six
            iifname @spoofing drop
          }
          # No headers between IPv6 and what it carries, so none hides what is carried; no router, no redirect, no DHCP; and a host
          # says of its own address alone that it has it.
          chain six {
            ip6 nexthdr tcp accept
            ip6 nexthdr udp udp dport != { 546, 547 } accept
            ip6 nexthdr icmpv6 icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, echo-reply, nd-neighbor-solicit } accept
            ip6 nexthdr icmpv6 icmpv6 type nd-neighbor-advert @th,64,96 {{ula.First96}} meta mark set @th,160,32 iifname . meta mark @targets accept
          }
          chain forward {
            iifname "{{Links.GatewayUplink}}" oifname "{{Links.UplinkInner}}" jump to_uplink
            iifname "{{Links.UplinkInner}}" oifname "{{Links.GatewayUplink}}" jump from_uplink
            iifname "{{Links.GatewayInside}}" oifname @through jump from_gateway
            oifname "{{Links.GatewayInside}}" iifname @through jump to_gateway
            iifname @through oifname @through jump hosts
            iifname @refused drop
          }
          # Without connection tracking, which bridges of some kernels lack: what devices reach, and what answers it.
          chain from_gateway {
            ip saddr @allowed tcp dport @doors accept
            ip saddr @allowed ip daddr . tcp dport @services accept
            ether type arp accept
          }
          chain to_gateway {
            ip daddr @allowed tcp sport @doors tcp flags & (syn | ack) != syn accept
            ip daddr @allowed ip saddr . tcp sport @services tcp flags & (syn | ack) != syn accept
            ether type arp accept
          }
          chain hosts {
            iifname @grouped goto same_group
            oifname @grouped return
            udp dport { 67, 68 } return
            udp sport { 67, 68 } return
            ether type { ip, arp, ip6 } accept
          }
          chain same_group {
            meta mark set iifname map @groups
            oifname . meta mark != @together return
            udp dport { 67, 68 } return
            udp sport { 67, 68 } return
            ether type { ip, arp, ip6 } accept
          }
          chain to_uplink {
            ip daddr != {{addresses.UplinkRouter}} udp sport {{port}} accept
            arp daddr ip {{addresses.UplinkRouter}} accept
          }
          chain from_uplink {
            ip daddr {{addresses.UplinkGateway}} udp dport {{port}} accept
            arp saddr ip {{addresses.UplinkRouter}} accept
          }
        }
        table inet control {
          # links of the server's that forward for this safe alone
          set opened { type ifname; }
          chain input { type filter hook input priority filter; policy drop; }
          chain output { type filter hook output priority filter; policy drop; }
          chain forward { type filter hook forward priority filter; policy drop; }
        }
        flush table inet control
        table inet control {
          chain input {
            iifname "{{Links.Control}}" ip saddr {{addresses.ControlGateway}} ip daddr {{addresses.ControlHypervisor}} tcp dport {{SafeAddresses.ControlPort}} accept
          }
          chain output {
            oifname "{{Links.Control}}" ip saddr {{addresses.ControlHypervisor}} ip daddr {{addresses.ControlGateway}} tcp sport {{SafeAddresses.ControlPort}} accept
          }
        }

        """;

    /// <summary>Where the links stand that forward for this safe alone, as nft names table and set.</summary>
    public const string OpenedTable = "inet control", OpenedSet = "opened";

    /// <summary>Stands among them when the server as a whole did not forward then.</summary>
    public const string Sparing = "all";

    public static string Opened(IReadOnlyCollection<string> links) =>
        $"flush set {OpenedTable} {OpenedSet}\n" + (links.Count == 0 ? "" : $"add element {OpenedTable} {OpenedSet} {{ {string.Join(", ", links.Select(l => $"\"{l}\""))} }}\n");

    public static string LetThrough(IEnumerable<HostPort> ports) => Elements("add", "through", ports.Select(Name));

    // Deleting an element that is not there is an error to nft; adding it before makes it none.
    public static string Cut(IEnumerable<HostPort> ports) =>
        Elements("add", "through", ports.Select(Name)) + Elements("delete", "through", ports.Select(Name));

    public const string CutAll = "flush set bridge safe through\n";

    public static string Know(IEnumerable<HostPort> ports) => Identities("add", ports);

    public static string Forget(IEnumerable<HostPort> ports) => Cut(ports) + Identities("add", ports) + Identities("delete", ports);

    public static string Allow(IEnumerable<System.Net.IPAddress> devices) =>
        "flush set bridge safe allowed\n" + Elements("add", "allowed", devices.Select(d => d.ToString()));

    public static string Open(WaysIn ways) =>
        "flush set bridge safe doors\nflush set bridge safe services\n" + (ways.Shell ? "add element bridge safe doors { 22 }\n" : "") +
        Elements("add", "services", ways.Services.Select(s => $"{s.Host} . {s.Port}"));

    public static string Group(IReadOnlyList<IReadOnlyCollection<HostPort>> groups)
    {
        var members = groups.SelectMany((group, i) => group.Select(port => (Port: Name(port), Group: i + 1))).ToArray();
        return "flush set bridge safe grouped\nflush map bridge safe groups\nflush set bridge safe together\n" +
            Elements("add", "grouped", members.Select(m => m.Port)) + Elements("add", "groups", members.Select(m => $"{m.Port} : {m.Group}")) +
            Elements("add", "together", members.Select(m => $"{m.Port} . {m.Group}"));
    }

    // A target goes from the packet into the mark, by some versions of nft in the packet's byte order and by others in the machine's. The
    // number that the other order makes of a host's is no host's.
    private static string Identities(string verb, IEnumerable<HostPort> ports) =>
        Elements(verb, "ports", ports.Select(p => $"{Name(p)} . {p.Mac} . {p.Address}")) +
        Elements(verb, "ports6", ports.Select(p => $"{Name(p)} . {p.Mac} . {p.Address6}")) +
        Elements(verb, "targets", ports.SelectMany(p => (string[])[$"{Name(p)} . {p.Number}", $"{Name(p)} . {(uint)p.Number << 24}"])) +
        Elements(verb, SpoofedSet, ports.Select(Name)) + Elements(verb, RefusedSet, ports.Select(Name));

    private static string Name(HostPort port) => $"\"{port.Interface}\"";

    private static string Elements(string verb, string set, IEnumerable<string> elements) =>
        elements.Distinct().ToArray() is { Length: > 0 } all ? $"{verb} element bridge safe {set} {{ {string.Join(", ", all)} }}\n" : "";
}
