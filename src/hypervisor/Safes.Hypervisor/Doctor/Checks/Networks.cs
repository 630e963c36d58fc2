using Safes.Linux;

namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Tried in namespaces that end with the trial.</summary>
internal static class Networks
{
    // What the rules of a safe are made of: a bridge that forwards only what is named, and one public port handed on.
    private const string Rules = """
        table bridge probe {
          chain forward { type filter hook forward priority 0; policy drop; tcp dport 22 accept; }
        }
        table inet probe {
          chain hand { type nat hook prerouting priority -100; fib daddr type local udp dport 51820 dnat ip to 10.0.0.2; }
          chain back { type filter hook forward priority -1; ct direction reply ct state established accept; }
        }

        """;

    public static async Task<Finding> TryNamespacesAsync(Server server, CancellationToken stop)
    {
        var made = await Tool.TryAsync(
            "unshare",
            ["--net", "--mount", "--propagation", "private", "sh", "-ec", "ip link add name bridge0 type bridge; ip link add name v0 type veth peer name v1; ip tuntap add t0 mode tap"]).ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
        return made.Exit == 0
            ? Finding.Good("namespaces", "network and mount namespaces, bridge, veth, tap")
            : Finding.Must(
                "namespaces", Last(made.Error), "a safe's network and volume live in namespaces of their own",
                "a server of your own or a full virtual machine, not a container; a kernel such as Debian's; package iproute2");
    }

    public static async Task<Finding> TryNftablesAsync(Server server, CancellationToken stop)
    {
        var loaded = await Tool.TryAsync("unshare", ["--net", "nft", "-f", "-"], Rules).ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
        return loaded.Exit == 0
            ? Finding.Good("nftables", "rules of all the kinds needed were loaded")
            : Finding.Must("nftables", Last(loaded.Error), "they keep hosts, gateway and server apart", "apt install nftables; a kernel such as Debian's");
    }

    private static string Last(string text) => text.Trim().Split('\n')[0];
}
