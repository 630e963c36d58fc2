using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Gateway;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Vaults;
using Safes.Network;
using Safes.Qemu;

namespace Safes.Hypervisor.Commands;

/// <summary>How init and run alike set up what lies under a safe.</summary>
internal static class Premise
{
    public static NetworkPlan NetworkOf(SafePaths paths, Vault vault) =>
        new(paths.NetworkPin, SafeAddresses.Parse(vault.Configuration.Network), UlaPrefix.Of(vault.Init), GatewayPlan.PublicPort(vault.Configuration.Endpoint));

    public static GatewayGuestOptions GatewayOf(SafePaths paths, string image, SafeUsers users, Tools tools) => new()
    {
        Tools = tools,
        Image = image,
        User = users.Gateway,
        RunDirectory = paths.Gateway,
        EmptyNamespacePin = paths.EmptyPin,
        LogFile = Path.Combine(paths.Run, "gateway.log"),
    };
}
