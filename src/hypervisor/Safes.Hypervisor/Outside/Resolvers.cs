using System.Net;
using System.Net.Sockets;

namespace Safes.Hypervisor.Outside;

/// <summary>Whom the server asks for names, as far as the proxy host can ask them, too.</summary>
internal static class Resolvers
{
    // Where systemd-resolved answers on the loopback only, it says here whom it asks itself.
    private static readonly string[] Files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

    public static IReadOnlyList<IPAddress> OfServer() =>
        Files.Select(f => Of(File.Exists(f) ? File.ReadAllText(f) : "")).FirstOrDefault(r => r.Count > 0) ?? [];

    /// <summary>Those of a resolv.conf that are not on the server's own loopback; IPv4, as the proxy's way outside is.</summary>
    public static IReadOnlyList<IPAddress> Of(string text) =>
    [
        .. text.Split('\n').Select(l => l.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).Where(w => w is ["nameserver", _, ..])
            .Select(w => IPAddress.TryParse(w[1], out var address) ? address : null).OfType<IPAddress>()
            .Where(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a)).Distinct().Take(3),
    ];
}
