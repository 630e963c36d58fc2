using Safes.Linux;

namespace Safes.Gateway.Boot;

/// <summary>What the kernel leaves to the first process: file systems, modules, settings.</summary>
internal static class EarlySystem
{
    private const string ModuleList = "/modules/list";

    public static void Prepare()
    {
        const ulong closed = Mount.NoSetuid | Mount.NoExec;
        Mount.Attach("proc", "/proc", "proc", closed | Mount.NoDevices);
        Mount.Attach("sys", "/sys", "sysfs", closed | Mount.NoDevices);
        Mount.Attach("dev", "/dev", "devtmpfs", closed);
        foreach (string module in File.ReadLines(ModuleList))
        {
            Module.Load($"/modules/{module}");
        }

        // A setting that this kernel lacks concerns something that it lacks too.
        foreach (var (setting, value) in Settings)
        {
            string file = $"/proc/sys/{setting}";
            if (File.Exists(file))
            {
                File.WriteAllText(file, value);
            }
        }
    }

    private static readonly (string Setting, string Value)[] Settings =
    [
        ("net/ipv6/conf/all/disable_ipv6", "1"),
        ("net/ipv6/conf/default/disable_ipv6", "1"),
        ("net/ipv4/ip_forward", "0"),
        ("net/ipv4/conf/all/rp_filter", "1"),
        ("net/ipv4/conf/default/rp_filter", "1"),
        ("net/ipv4/conf/all/accept_redirects", "0"),
        ("net/ipv4/conf/default/accept_redirects", "0"),
        ("net/ipv4/conf/all/send_redirects", "0"),
        ("net/ipv4/conf/default/send_redirects", "0"),
        ("net/ipv4/conf/all/accept_source_route", "0"),
        ("net/ipv4/conf/all/arp_ignore", "2"),
        ("net/ipv4/conf/default/arp_ignore", "2"),
        ("net/ipv4/conf/all/arp_announce", "2"),
        // A gateway that was started anew meets connections in their middle: they go on, from the device's side.
        ("net/netfilter/nf_conntrack_tcp_loose", "1"),
        ("net/netfilter/nf_conntrack_tcp_be_liberal", "1"),
        ("net/netfilter/nf_conntrack_max", "16384"),
        // The ends check their own sums; doing it here would read every byte once more.
        ("net/netfilter/nf_conntrack_checksum", "0"),
        ("kernel/panic", "-1"),
        ("kernel/printk", "4"),
        ("vm/panic_on_oom", "0"),
    ];
}
