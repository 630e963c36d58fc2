using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Safes.Hypervisor.Hosts;

/// <summary>One host's name and its two addresses inside.</summary>
internal sealed record NamedHost(string Name, IPAddress Address, IPAddress Address6);

/// <summary>
/// The names of a safe's hosts, NAME and NAME.zone, as each host has them in its /etc/hosts. There is no name server: hosts have nobody to
/// ask, so a question carries nothing out, and no answer waits for a clock that is not right yet.
/// </summary>
internal sealed class HostNames(string zone, IEnumerable<NamedHost> hosts)
{
    /// <summary>At the end of each line of ours: what has it not is never touched.</summary>
    private const string Tag = "# host of this safe";

    private readonly string lines = string.Concat(hosts.OrderBy(h => h.Name, StringComparer.Ordinal)
        .SelectMany(h => (IPAddress[])[h.Address, h.Address6], (h, a) => $"{a} {h.Name}.{zone} {h.Name} {Tag}\n"));

    private readonly NotProxied direct = new(zone, [.. hosts.OrderBy(h => h.Name, StringComparer.Ordinal)]);

    /// <summary>What of the safe's own is not asked of the proxy.</summary>
    public NotProxied Direct => direct;

    /// <summary>Tells these names from others.</summary>
    public string Mark => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines + direct.List)))[..16];

    /// <summary>Puts exactly these lines into /etc/hosts, in one step; what others wrote there stays as it is.</summary>
    public string Script => $"""
        (grep -v ' {Tag}$' /etc/hosts || true; cat <<'END'
        {lines}END
        ) >/etc/hosts.safe
        if cmp -s /etc/hosts.safe /etc/hosts; then rm /etc/hosts.safe; else chmod 644 /etc/hosts.safe && mv -f /etc/hosts.safe /etc/hosts; fi
        {direct.Script}
        """;
}
