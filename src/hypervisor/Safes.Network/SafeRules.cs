namespace Safes.Network;

/// <summary>
/// The rules in the safe's own namespace, as nft reads them. Sets are kept when rules are replaced, so that ports which are let through
/// stay so over a restart of safed; the text is one transaction.
/// </summary>
internal static class SafeRules
{
    /// <summary>The bridges' table. Only this family's tables see bridged packets.</summary>
    public const string Bridge = "bridge safe";

    // Sets are added without being emptied; chains are emptied and filled again.
    public static string Text(SafeAddresses addresses, int port) =>
        $$"""
        table bridge safe {
          # who may send from which port: interface, MAC, IPv4
          set ports { type ifname . ether_addr . ipv4_addr; }
          # ports of hosts that are let through
          set through { type ifname; }
          # devices with a session
          set allowed { type ipv4_addr; }
          chain spoofed { type filter hook prerouting priority -300; policy drop; }
          chain forward { type filter hook forward priority filter; policy drop; }
          chain from_gateway { }
          chain to_gateway { }
          chain hosts { }
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
          }
          chain forward {
            iifname "{{Links.GatewayUplink}}" oifname "{{Links.UplinkInner}}" jump to_uplink
            iifname "{{Links.UplinkInner}}" oifname "{{Links.GatewayUplink}}" jump from_uplink
            iifname "{{Links.GatewayInside}}" oifname @through jump from_gateway
            oifname "{{Links.GatewayInside}}" iifname @through jump to_gateway
            iifname @through oifname @through jump hosts
          }
          # Without connection tracking, which bridges of some kernels lack: SSH to hosts, and what answers it.
          chain from_gateway {
            ip saddr @allowed tcp dport 22 accept
            ether type arp accept
          }
          chain to_gateway {
            ip daddr @allowed tcp sport 22 tcp flags & (syn | ack) != syn accept
            ether type arp accept
          }
          chain hosts {
            udp dport { 67, 68 } drop
            udp sport { 67, 68 } drop
            ether type { ip, arp } accept
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

    public static string LetThrough(IEnumerable<HostPort> ports) => Elements("add", "through", ports.Select(Name));

    // Deleting an element that is not there is an error to nft; adding it before makes it none.
    public static string Cut(IEnumerable<HostPort> ports) =>
        Elements("add", "through", ports.Select(Name)) + Elements("delete", "through", ports.Select(Name));

    public const string CutAll = "flush set bridge safe through\n";

    public static string Know(IEnumerable<HostPort> ports) => Elements("add", "ports", ports.Select(Identity));

    public static string Forget(IEnumerable<HostPort> ports) =>
        Cut(ports) + Elements("add", "ports", ports.Select(Identity)) + Elements("delete", "ports", ports.Select(Identity));

    public static string Allow(IEnumerable<System.Net.IPAddress> devices) =>
        "flush set bridge safe allowed\n" + Elements("add", "allowed", devices.Select(d => d.ToString()));

    private static string Name(HostPort port) => $"\"{port.Interface}\"";

    private static string Identity(HostPort port) => $"\"{port.Interface}\" . {port.Mac} . {port.Address}";

    private static string Elements(string verb, string set, IEnumerable<string> elements) =>
        elements.Distinct().ToArray() is { Length: > 0 } all ? $"{verb} element bridge safe {set} {{ {string.Join(", ", all)} }}\n" : "";
}
