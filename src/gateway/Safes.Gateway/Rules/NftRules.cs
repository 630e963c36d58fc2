using System.Net;
using Safes.Gateway.Settings;

namespace Safes.Gateway.Rules;

/// <summary>
/// The gateway's packet rules as nft reads them, each text one transaction. Established connections get no rule of their own that would
/// outlive a session: both directions of a forwarded flow are checked against the set of devices with a session. Under emulation every
/// expression costs: links are compared by number, and a table of IPv4 alone does not ask each packet for its family.
/// </summary>
internal static class NftRules
{
    public const string Uplink = "eth0", Control = "eth1", Inside = "eth2", Tunnel = "wg0";

    /// <summary>Before any link is up: nothing passes anywhere.</summary>
    public const string DenyEverything =
        """
        table ip gateway
        delete table ip gateway
        table ip gateway {
          chain input { type filter hook input priority filter; policy drop; }
          chain forward { type filter hook forward priority filter; policy drop; }
          chain output { type filter hook output priority filter; policy drop; }
        }
        table ip6 gateway {
          chain input { type filter hook input priority filter; policy drop; }
          chain forward { type filter hook forward priority filter; policy drop; }
          chain output { type filter hook output priority filter; policy drop; }
        }

        """;

    /// <summary>Replaces all rules of IPv4 for a configuration; the links must exist. IPv6 stays denied.</summary>
    public static string Configured(GatewaySettings settings, IEnumerable<IPAddress> allowed) =>
        $$"""
        table ip gateway
        delete table ip gateway
        table ip gateway {
          set allowed { type ipv4_addr; {{Elements(allowed, "elements = ", "; ")}}}

          # WireGuard's own packets are not tracked: that would cost time, and a flood of strangers could fill the table.
          chain early { type filter hook prerouting priority raw; policy accept;
            iif "{{Uplink}}" notrack
          }
          chain early_output { type filter hook output priority raw; policy accept;
            oif "{{Uplink}}" notrack
          }

          chain input { type filter hook input priority filter; policy drop;
            iif "{{Uplink}}" udp dport {{settings.ListenPort}} accept
            iif "{{Tunnel}}" ip daddr {{settings.Tunnel.Address}} tcp dport {{settings.ControlPort}} ct state new,established accept
            iif "{{Control}}" ip saddr {{settings.ControlTarget.Address}} tcp sport {{settings.ControlTarget.Port}} ct state established ct direction reply accept
          }
          chain forward { type filter hook forward priority filter; policy drop;
            tcp flags syn tcp option maxseg size set rt mtu
            iif "{{Tunnel}}" oif "{{Inside}}" ip saddr @allowed tcp dport 22 ct direction original ct state new,established accept
            iif "{{Inside}}" oif "{{Tunnel}}" ip daddr @allowed tcp sport 22 ct direction reply ct state established accept
          }
          chain output { type filter hook output priority filter; policy drop;
            oif "{{Uplink}}" udp sport {{settings.ListenPort}} accept
            oif "{{Tunnel}}" ip saddr {{settings.Tunnel.Address}} tcp sport {{settings.ControlPort}} ct state established ct direction reply accept
            oif "{{Control}}" ip daddr {{settings.ControlTarget.Address}} tcp dport {{settings.ControlTarget.Port}} accept
            # A host that is stopped or unknown: said at once to who may ask at all.
            oif "{{Tunnel}}" ip daddr @allowed icmp type destination-unreachable accept
          }
        }

        """;

    /// <summary>Replaces the set of devices with a session, in one step.</summary>
    public static string Allow(IEnumerable<IPAddress> allowed) =>
        $"flush set ip gateway allowed\n{Elements(allowed, "add element ip gateway allowed ", "\n")}";

    private static string Elements(IEnumerable<IPAddress> addresses, string before, string after) =>
        addresses.Select(a => a.ToString()).ToArray() is { Length: > 0 } texts ? $"{before}{{ {string.Join(", ", texts)} }}{after}" : "";
}
