using System.Text;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// The safe's own hosts, as programs in a host are told that they are reached without the proxy, which refuses them: by zone, short name,
/// network and single address. curl, git and requests take a network; Python's urllib, node and others take names and addresses alone.
/// </summary>
internal sealed class NotProxied(string zone, IReadOnlyList<NamedHost> hosts)
{
    /// <summary>Where the way outside is written down in a host.</summary>
    public const string Variables = "/etc/environment", Apt = "/etc/apt/apt.conf.d/50-safe-proxy";

    // pam_env of some distributions reads 1,024 bytes of a line; what is left out then is reached by its names.
    private const int Longest = 1000;

    /// <summary>The value of no_proxy.</summary>
    public string List { get; } = Join(
    [
        "localhost", "127.0.0.1", "::1", $".{zone}", .. Networks(hosts), .. hosts.Select(h => h.Name), .. hosts.Select(h => $"{h.Address}"),
        .. hosts.Select(h => $"{h.Address6}"), .. hosts.Select(h => $"[{h.Address6}]"),
    ]);

    /// <summary>Lines of apt's, which knows no such variable for single hosts once its own setting is there.</summary>
    public string AptLines { get; } = string.Concat(hosts.SelectMany(h => (string[])[h.Name, $"{h.Name}.{zone}", $"{h.Address}"])
        .Select(n => $"Acquire::http::Proxy::{n} \"DIRECT\";\nAcquire::https::Proxy::{n} \"DIRECT\";\n"));

    /// <summary>Puts them in the place of those of before, where the way outside is written down; can be repeated.</summary>
    public string Script => $"""
        [ ! -f {Variables} ] || sed -i '/^# safe: begin/,/^# safe: end/ s@^\(no_proxy\|NO_PROXY\)=.*@\1={List}@' {Variables}
        if [ -f {Apt} ]; then
            (grep -v ' "DIRECT";$' {Apt} || true; cat <<'END'
        {AptLines}END
            ) >{Apt}.new && mv -f {Apt}.new {Apt}
        fi
        """;

    // Of each kind of address one network: hosts have the last byte, or the last half, to themselves.
    private static IEnumerable<string> Networks(IReadOnlyList<NamedHost> hosts)
    {
        if (hosts.Count == 0)
        {
            yield break;
        }

        byte[] four = hosts[0].Address.GetAddressBytes(), six = hosts[0].Address6.GetAddressBytes();
        four[3] = 0;
        six.AsSpan(8).Clear();
        yield return $"{new System.Net.IPAddress(four)}/24";
        yield return $"{new System.Net.IPAddress(six)}/64";
    }

    private static string Join(IEnumerable<string> parts)
    {
        var list = new StringBuilder();
        foreach (string part in parts.TakeWhile(p => list.Length + p.Length < Longest))
        {
            list.Append(list.Length == 0 ? "" : ",").Append(part);
        }

        return list.ToString();
    }
}
