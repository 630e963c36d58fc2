using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Safes.Hypervisor.Hosts;

/// <summary>What hosts are told of the way outside.</summary>
/// <param name="Hosts">Those that some rule is for; the others are to know of none.</param>
/// <param name="Authority">The certificate, PEM, of what looks into their TLS.</param>
public sealed record WayOutside(IReadOnlySet<string> Hosts, IPAddress Proxy, string Authority)
{
    /// <summary>Distinguishes what a host was told; empty: of no way.</summary>
    internal string MarkFor(string host) =>
        Hosts.Contains(host) ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Proxy} {Authority}")))[..16] : "";
}
