using Safes.Gateway.Settings;

namespace Safes.Gateway.Rules;

/// <summary>
/// The gateway's packet rules as nft reads them, each text one transaction. Nothing that is established outlives a session: both directions
/// of a forwarded flow are checked against the sets of devices with a session and of what they reach, and what then goes past the rules, by
/// the kernel's flow table, does so until these sets are replaced and no longer (ADR 0018). Under emulation every expression costs:
/// links are compared by number, and a table of IPv4 alone does not ask each packet for its family.
/// </summary>
internal static class NftRules
{
    public const string Uplink = "eth0", Control = "eth1", Inside = "eth2", Tunnel = "wg0";

    // A packet of a flow that the rules let through both ways goes from link to link before any rule, until the flow ends or pauses for 30 s.
    // That it is added is a rule of its own: one that cannot be yet (its handshake goes on) would end the rule there, and not be accepted.
    private const string FastPath =
        $$"""
        flowtable fast { hook ingress priority filter; devices = { "{{Tunnel}}", "{{Inside}}" }; }
          chain passes { flow add @fast; accept; }
        """;

    private const string EveryPacket = "chain passes { accept; }";

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

    /// <summary>The rules of the uplink's namespace, where its link must be: WireGuard's packets and no others. Nothing is tracked there, so strangers fill no table.</summary>
    public static string OfWorld(GatewaySettings settings) =>
        $$"""
        table ip gateway
        delete table ip gateway
        table ip gateway {
          chain input { type filter hook input priority filter; policy drop;
            iif "{{Uplink}}" udp dport {{settings.ListenPort}} accept
          }
          chain forward { type filter hook forward priority filter; policy drop; }
          chain output { type filter hook output priority filter; policy drop;
            oif "{{Uplink}}" udp sport {{settings.ListenPort}} accept
          }
        }

        """;

    /// <summary>Replaces all rules of IPv4 on the safe's side for a configuration; the links must exist. IPv6 stays denied.</summary>
    /// <param name="fastPath">False for a kernel without flow tables: the same rules, asked of every packet.</param>
    public static string Configured(GatewaySettings settings, Admission admission, bool fastPath = true) =>
        $$"""
        table ip gateway
        delete table ip gateway
        table ip gateway {
          set allowed { type ipv4_addr; {{Elements(admission.Devices, "elements = ", "; ")}}}
          set doors { type inet_service; {{Elements(Doors(admission), "elements = ", "; ")}}}
          set services { type ipv4_addr . inet_service; {{Elements(Services(admission), "elements = ", "; ")}}}

          chain input { type filter hook input priority filter; policy drop;
            iif "{{Tunnel}}" ip daddr {{settings.Tunnel.Address}} tcp dport {{settings.ControlPort}} ct state new,established accept
            iif "{{Control}}" ip saddr {{settings.ControlTarget.Address}} tcp sport {{settings.ControlTarget.Port}} ct state established ct direction reply accept
          }
          {{(fastPath ? FastPath : EveryPacket)}}
          chain forward { type filter hook forward priority filter; policy drop;
            tcp flags syn tcp option maxseg size set rt mtu
            iif "{{Tunnel}}" oif "{{Inside}}" ip saddr @allowed tcp dport @doors ct direction original ct state new,established accept
            iif "{{Inside}}" oif "{{Tunnel}}" ip daddr @allowed tcp sport @doors ct direction reply ct state established goto passes
            iif "{{Tunnel}}" oif "{{Inside}}" ip saddr @allowed ip daddr . tcp dport @services ct direction original ct state new,established accept
            iif "{{Inside}}" oif "{{Tunnel}}" ip daddr @allowed ip saddr . tcp sport @services ct direction reply ct state established goto passes
          }
          chain output { type filter hook output priority filter; policy drop;
            oif "{{Tunnel}}" ip saddr {{settings.Tunnel.Address}} tcp sport {{settings.ControlPort}} ct state established ct direction reply accept
            oif "{{Control}}" ip daddr {{settings.ControlTarget.Address}} tcp dport {{settings.ControlTarget.Port}} accept
            # A host that is stopped or unknown: said at once to who may ask at all.
            oif "{{Tunnel}}" ip daddr @allowed icmp type destination-unreachable accept
          }
        }

        """;

    /// <summary>Replaces the devices with a session and what they reach, in one step. No flow keeps its fast path: each is asked anew.</summary>
    public static string Admit(Admission admission, bool fastPath = true) =>
        (fastPath ? $"flush chain ip gateway passes\ndelete flowtable ip gateway fast\ntable ip gateway {{\n  {FastPath}\n}}\n" : "") +
        $"flush set ip gateway allowed\nflush set ip gateway doors\nflush set ip gateway services\n{Elements(admission.Devices, "add element ip gateway allowed ", "\n")}" +
        $"{Elements(Doors(admission), "add element ip gateway doors ", "\n")}{Elements(Services(admission), "add element ip gateway services ", "\n")}";

    private static string[] Doors(Admission admission) => admission.Shell ? ["22"] : [];

    private static IEnumerable<string> Services(Admission admission) => admission.Services.Select(s => $"{s.Address} . {s.Port}");

    private static string Elements<T>(IEnumerable<T> elements, string before, string after) =>
        elements.Select(e => $"{e}").ToArray() is { Length: > 0 } texts ? $"{before}{{ {string.Join(", ", texts)} }}{after}" : "";
}
