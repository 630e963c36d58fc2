using System.Net;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Tunnel;

/// <summary>
/// What keeps whoever holds the gateway from this device: nothing that comes out of the tunnel is let in unless this device began it, by IPv4 or
/// IPv6, to whatever address or forwarded to whatever lies behind it. It is a table of its own in nftables, and touches no other; it looks at
/// packets before any rule of others could send them elsewhere (as published ports of containers are).
/// </summary>
public static class DeviceFirewall
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>What an interface's alias says when its table was there before it came up; anybody can read that, the rules only root.</summary>
    public const string Alias = "safes: lets nothing in that was not begun here";

    public static string TableOf(string interfaceName) => $"safes_{interfaceName}";

    /// <summary>The table in nft's own words, put in the place of one of the same name at once. %i stands for the interface in wg-quick's files.</summary>
    public static string Script(string interfaceName) =>
        $"add table inet {TableOf(interfaceName)}; delete table inet {TableOf(interfaceName)}; " +
        $"table inet {TableOf(interfaceName)} {{ chain from_tunnel {{ type filter hook prerouting priority mangle; policy accept; " +
        $"iifname != \"{interfaceName}\" accept; " +
        "ct state established ct direction reply accept; " +
        "ct state related meta l4proto { icmp, ipv6-icmp } accept; " +
        "counter drop; }; }";

    /// <summary>Before the interface comes up.</summary>
    /// <exception cref="FaultException">no-firewall: nft is not there, or this kernel takes none of it.</exception>
    public static async Task RaiseAsync(string interfaceName)
    {
        ToolOutput done;
        try
        {
            done = await Tool.TryAsync("nft", ["-f", "-"], Script(interfaceName) + "\n", limit: Limit).ConfigureAwait(false);
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            throw new FaultException(FaultCodes.NoFirewall, ("why", "the program nft is not here"));
        }

        if (done.Exit != 0)
        {
            throw new FaultException(FaultCodes.NoFirewall, ("why", Printable.Line(done.Error.Split('\n')[0])));
        }
    }

    /// <summary>Whether the rules stand as they were made; null where that cannot be seen (without rights, or nft).</summary>
    public static async Task<bool?> StandsAsync(string interfaceName)
    {
        try
        {
            var shown = await Tool.TryAsync("nft", ["list", "table", "inet", TableOf(interfaceName)], limit: Limit).ConfigureAwait(false);
            return shown.Exit == 0 ? IsWhole(shown.Output, interfaceName) : shown.Error.Contains("not permitted", StringComparison.Ordinal) ? null : false;
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            return null;
        }
    }

    /// <summary>Whether the rules stand, or, where that cannot be seen, whether they stood when the interface came up.</summary>
    public static async Task<bool> IsKnownToStandAsync(string interfaceName) => await StandsAsync(interfaceName).ConfigureAwait(false)
        ?? (await Tool.TryAsync("ip", ["-o", "link", "show", "dev", interfaceName], limit: Limit).ConfigureAwait(false)).Output.Contains(Alias, StringComparison.Ordinal);

    public static Task LowerAsync(string interfaceName) => Tool.TryAsync("nft", ["delete", "table", "inet", TableOf(interfaceName)], limit: Limit);

    /// <summary>The lines for another program's configuration that do the same, where it runs lines at all.</summary>
    internal static IEnumerable<string> ForWgQuick() =>
    [
        $"PreUp = nft '{Script("%i")}'",
        $"PostUp = ip link set dev %i alias '{Alias}'",
        $"PostDown = nft delete table inet {TableOf("%i")}",
    ];

    /// <summary>For programs that run none: a table that goes by the safe's addresses, from which WireGuard takes packets out of this tunnel alone.</summary>
    internal static IEnumerable<string> ForOthers(IPAddress gateway, IPNetwork hosts) =>
    [
        "# wg-quick runs the lines PreUp, PostUp and PostDown: with them nothing comes out of the tunnel that this computer did not begin.",
        "# NetworkManager and the WireGuard applications run none of them. There, once: with firewalld",
        "#   nmcli connection modify NAME connection.zone drop",
        "# and without it, in /etc/nftables.conf (systemctl enable --now nftables):",
        $"#   table inet safes_by_address {{ chain from_tunnel {{ type filter hook prerouting priority mangle; ip saddr != {{ {gateway}, {hosts} }} accept;",
        "#     ct state established ct direction reply accept; ct state related meta l4proto icmp accept; drop; }; }",
    ];

    // Compared in nft's own spelling, which differs in white space and counters alone.
    private static bool IsWhole(string shown, string interfaceName)
    {
        string[] lines = [.. shown.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
        return lines is
        [
            _, "chain from_tunnel {", "type filter hook prerouting priority mangle; policy accept;", var own, "ct state established ct direction reply accept",
            "ct state related meta l4proto { icmp, ipv6-icmp } accept", var last, "}", "}",
        ]
        && own == $"iifname != \"{interfaceName}\" accept" && last.StartsWith("counter packets ", StringComparison.Ordinal) && last.EndsWith(" drop", StringComparison.Ordinal);
    }
}
