using System.Globalization;
using Safes.Linux;

namespace Safes.Client.Tunnel;

/// <summary>What this process may do to the network.</summary>
internal static class Capabilities
{
    private const int NetAdmin = 12;

    /// <summary>Whether the tools started from here may make interfaces: as root, or with an ambient CAP_NET_ADMIN, and not in a sandbox without it.</summary>
    internal static bool MayManageNetwork => Has(Unistd.EffectiveUser == 0 ? "CapEff:" : "CapAmb:");

    private static bool Has(string set) =>
        File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(set, StringComparison.Ordinal)) is { } found &&
        ulong.TryParse(found.AsSpan(set.Length).Trim(), NumberStyles.HexNumber, null, out ulong bits) && (bits >> NetAdmin & 1) == 1;
}
