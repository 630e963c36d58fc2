namespace Safes.Network;

/// <summary>
/// The proxy host's ways, as nft reads them: on the bridge from the hosts that ask to its one port, and out through the world link; in the
/// server's namespace from there to the internet. Both say where it may go, so that no name leads past them.
/// </summary>
internal static class WorldRules
{
    /// <summary>The port on the proxy that hosts reach.</summary>
    public const int ProxyPort = 3128;

    /// <summary>Added to the bridges' rules. Its lines are inserted, so that those for hosts never come to apply to the proxy.</summary>
    public static string Inside(SafeAddresses addresses) =>
        $$"""
        table bridge safe {
          # hosts that may ask the proxy
          set asking { type ipv4_addr; }
          set world_ports { type inet_service; }
          set resolvers { type ipv4_addr; }
          set unreachable { type ipv4_addr; flags interval; }
          # Each way ends in its own chain: nothing of the proxy's falls through to what is for hosts.
          chain from_proxy {
            iifname != @through drop
            oifname "{{Links.World}}" goto to_world
            oifname != @through drop
            ether type arp accept
            ip saddr {{addresses.Proxy}} ip daddr @asking tcp sport {{ProxyPort}} tcp flags & (syn | ack) != syn accept
            drop
          }
          chain to_proxy {
            oifname != @through drop
            iifname "{{Links.World}}" goto from_world
            iifname != @through drop
            ether type arp accept
            ip saddr @asking ip daddr {{addresses.Proxy}} tcp dport {{ProxyPort}} accept
            drop
          }
          chain to_world {
            arp saddr ip {{addresses.WorldProxy}} arp daddr ip {{addresses.WorldRouter}} accept
            ether type != ip drop
            ip saddr != {{addresses.WorldProxy}} drop
            ip daddr @resolvers udp dport 53 accept
            ip daddr @resolvers tcp dport 53 accept
            ip daddr @unreachable drop
            tcp dport @world_ports accept
            drop
          }
          chain from_world {
            arp saddr ip {{addresses.WorldRouter}} arp daddr ip {{addresses.WorldProxy}} accept
            ether type != ip drop
            ip daddr != {{addresses.WorldProxy}} drop
            ip saddr @resolvers udp sport 53 accept
            ip saddr @resolvers tcp sport 53 tcp flags & (syn | ack) != syn accept
            ip protocol icmp icmp type { destination-unreachable, time-exceeded } accept
            ip saddr @unreachable drop
            tcp sport @world_ports tcp flags & (syn | ack) != syn accept
            drop
          }
        }
        insert rule bridge safe forward iifname "{{Proxy.Interface}}" goto from_proxy
        insert rule bridge safe forward oifname "{{Proxy.Interface}}" goto to_proxy
        insert rule bridge safe spoofed iifname "{{Links.World}}" ether saddr {{WorldLink.Mac}} ip saddr != {{addresses.Prefix}} accept
        insert rule bridge safe spoofed iifname "{{Links.World}}" ether saddr {{WorldLink.Mac}} arp saddr ether {{WorldLink.Mac}} arp saddr ip {{addresses.WorldRouter}} accept
        insert rule bridge safe spoofed iifname "{{Proxy.Interface}}" ether saddr {{Proxy.Mac}} ip saddr {{addresses.WorldProxy}} iifname @through accept
        insert rule bridge safe spoofed iifname "{{Proxy.Interface}}" ether saddr {{Proxy.Mac}} arp saddr ether {{Proxy.Mac}} arp saddr ip {{addresses.WorldProxy}} iifname @through accept

        """;

    /// <summary>Fills the bridge's sets.</summary>
    public static string Fill(WorldPlan plan) =>
        Set("asking", plan.Asking) + Set("world_ports", plan.Ports) + Set("resolvers", plan.Resolvers) + Set("unreachable", plan.Unreachable);

    public static string Table(SafeAddresses addresses) => $"{PublicRules.Table(addresses)}_world";

    /// <summary>The table in the server's namespace.</summary>
    public static string Outside(SafeAddresses addresses, string link, WorldPlan plan)
    {
        string table = Table(addresses);
        return $$"""
            table {{table}}
            delete table {{table}}
            table {{table}} {
              set resolvers { type ipv4_addr; {{Elements(plan.Resolvers)}} }
              set ports { type inet_service; {{Elements(plan.Ports)}} }
              set unreachable { type ipv4_addr; flags interval; {{Elements(plan.Unreachable)}} }
              chain forward { type filter hook forward priority filter - 1; policy accept;
                iifname "{{link}}" goto out
                oifname "{{link}}" ct direction reply ct state { established, related } accept
                oifname "{{link}}" drop
              }
              chain out {
                ip saddr != {{addresses.WorldProxy}} drop
                meta nfproto != ipv4 drop
                ip daddr @resolvers udp dport 53 accept
                ip daddr @resolvers tcp dport 53 accept
                ip daddr @unreachable drop
                fib daddr type != unicast drop
                tcp dport @ports accept
                drop
              }
              chain input { type filter hook input priority filter - 1; policy accept;
                iifname "{{link}}" ip saddr {{addresses.WorldProxy}} ip daddr @resolvers udp dport 53 accept
                iifname "{{link}}" ip saddr {{addresses.WorldProxy}} ip daddr @resolvers tcp dport 53 accept
                iifname "{{link}}" drop
              }
              chain output { type filter hook output priority filter - 1; policy accept;
                oifname "{{link}}" ct direction reply ct state established accept
                oifname "{{link}}" ct state related accept
                oifname "{{link}}" drop
              }
              chain leaving { type nat hook postrouting priority srcnat; policy accept;
                ip saddr {{addresses.WorldProxy}} oifname != "{{link}}" masquerade
              }
            }

            """;
    }

    /// <summary>The proxy's port as nft knows it before there is one.</summary>
    private static (string Interface, string Mac) Proxy => ($"h{SafeAddresses.ProxyNumber}", $"52:54:00:53:01:{SafeAddresses.ProxyNumber:x2}");

    private static string Elements<T>(IReadOnlyCollection<T> elements) => elements.Count == 0 ? "" : $"elements = {{ {string.Join(", ", elements)} }};";

    private static string Set<T>(string set, IReadOnlyCollection<T> elements) =>
        $"flush set bridge safe {set}\n" + (elements.Count == 0 ? "" : $"add element bridge safe {set} {{ {string.Join(", ", elements)} }}\n");
}
