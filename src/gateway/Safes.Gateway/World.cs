using Safes.Gateway.Rules;
using Safes.Gateway.Settings;
using Safes.Linux;

namespace Safes.Gateway;

/// <summary>
/// The network namespace of the uplink. WireGuard's link is made there and moved to the safe's side: its socket stays, so what is encrypted
/// comes and goes in a namespace that has no other link, forwards nothing and tracks nothing, and the safe's side has no way outside but
/// the tunnel.
/// </summary>
internal static class World
{
    private const string Pin = "/run/world";

    /// <summary>Once, before any link is up. Afterwards WireGuard's link is among the safe's own, without keys.</summary>
    public static void Separate(GatewaySettings settings)
    {
        File.WriteAllBytes(Pin, []);
        Sched.MakeNetwork(Pin);
        using (var inside = Child.Start(new ChildStart("busybox", ["sleep", "600"]) { NetworkNamespace = Pin }))
        {
            Programs.Ip("link", "set", NftRules.Uplink, "netns", $"{inside.Pid}");
            inside.Kill();
        }

        Programs.Nft(NftRules.DenyEverything + NftRules.OfWorld(settings), Pin);
        Programs.IpIn(Pin, "link", "add", NftRules.Tunnel, "type", "wireguard");
        Programs.IpIn(Pin, "link", "set", NftRules.Tunnel, "netns", $"{Environment.ProcessId}");
    }

    /// <summary>Strangers are heard from now on, by WireGuard alone.</summary>
    public static void Open(GatewaySettings settings)
    {
        Programs.Bring(NftRules.Uplink, settings.Uplink, Pin);
        Programs.IpIn(Pin, "route", "add", "default", "via", $"{settings.UplinkRouter}");
    }
}
