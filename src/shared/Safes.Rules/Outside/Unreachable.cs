namespace Safes.Rules.Outside;

/// <summary>
/// Addresses that no rule reaches, whatever name leads to them: what IANA's special-purpose registries (RFC 6890) do not call globally
/// reachable, multicast, and IPv6 notations of IPv4 addresses. Clouds' metadata services are among them (169.254.0.0/16, fd00::/8; of Azure
/// the one address that lies among public ones).
/// </summary>
public static class Unreachable
{
    public static IReadOnlyList<string> V4 { get; } =
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    ];

    public static IReadOnlyList<string> V6 { get; } =
    [
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7", "fe80::/10", "fec0::/10",
        "ff00::/8",
    ];
}
