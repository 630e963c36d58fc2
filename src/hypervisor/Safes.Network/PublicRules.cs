namespace Safes.Network;

/// <summary>
/// The one table in the server's own namespace: it hands UDP of the public port to the gateway and lets the answers out. Whatever else
/// comes from the gateway's side is dropped, and where forwarding was switched on for this, whatever else would profit from it.
/// </summary>
internal static class PublicRules
{
    /// <summary>How many senders that the server does not know yet may come; a device is one once, and again when its address changes.</summary>
    public const int StrangersASecond = 256, StrangersAtOnce = 512;

    public static string Table(SafeAddresses addresses) => $"inet safes_{addresses.Mark.Replace('-', '_')}";

    /// <param name="opened">The server's interfaces that forward only because of this safe.</param>
    public static string Text(SafeAddresses addresses, int port, string uplink, IReadOnlyCollection<string> opened)
    {
        string table = Table(addresses);
        string others = opened.Count == 0 ? "" : $"elements = {{ {string.Join(", ", opened.Select(o => $"\"{o}\""))} }};";
        return $$"""
            table {{table}}
            delete table {{table}}
            table {{table}} {
              set opened { type ifname; {{others}} }
              chain arriving { type nat hook prerouting priority dstnat; policy accept;
                iifname != "{{uplink}}" fib daddr type local udp dport {{port}} dnat ip to {{addresses.UplinkGateway}}:{{port}}
              }
              chain forward { type filter hook forward priority filter - 1; policy accept;
                iifname "{{uplink}}" ip saddr {{addresses.UplinkGateway}} udp sport {{port}} ct direction reply ct state established accept
                iifname "{{uplink}}" drop
                # A stranger's datagram leaves a trace in the server's table of connections, for half a minute: a flood of senders may leave no more than a few thousand.
                oifname "{{uplink}}" ct status & confirmed != confirmed limit rate over {{StrangersASecond}}/second burst {{StrangersAtOnce}} packets drop
                oifname "{{uplink}}" ip daddr {{addresses.UplinkGateway}} udp dport {{port}} ct status dnat accept
                oifname "{{uplink}}" drop
                oifname "{{WorldLink.LinkOf(addresses)}}" ct direction reply ct state { established, related } accept
                iifname @opened drop
              }
              chain input { type filter hook input priority filter - 1; policy accept;
                iifname "{{uplink}}" drop
              }
              chain output { type filter hook output priority filter - 1; policy accept;
                oifname "{{uplink}}" drop
              }
            }

            """;
    }
}
