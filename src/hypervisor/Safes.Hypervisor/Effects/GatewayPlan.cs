using Google.Protobuf;
using Safes.Contracts.V1;
using Safes.Hypervisor.Vaults;
using Safes.Network;
using Safes.Roster;

namespace Safes.Hypervisor.Effects;

/// <summary>What the gateway is configured with: keys and addresses, no names.</summary>
public static class GatewayPlan
{
    public static GatewayConfiguration Of(Vault vault)
    {
        var addresses = SafeAddresses.Parse(vault.Configuration.Network);
        string target = $"{addresses.ControlHypervisor}:{SafeAddresses.ControlPort}";
        using var secret = vault.GatewaySecret.Borrow();
        var plan = new GatewayConfiguration
        {
            PrivateKey = ByteString.CopyFrom(secret.Span),    // the gateway's own, not a member's: it has to know it
            ListenPort = (uint)PublicPort(vault.Configuration.Endpoint),
            TunnelAddress = $"{addresses.TunnelGateway}/24",
            UplinkAddress = $"{addresses.UplinkGateway}/30",
            UplinkRouter = $"{addresses.UplinkRouter}",
            ControlAddress = $"{addresses.ControlGateway}/30",
            ControlTarget = target,
            InsideAddress = $"{addresses.InsideGateway}/24",
            ControlPort = SafeAddresses.ControlPort,
            UnixMilliseconds = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        };
        plan.Peers.AddRange(vault.Peers.Select(p => new GatewayPeer { PublicKey = ByteString.CopyFrom(p.WireGuardKey), Address = $"{p.Address}" }));
        return plan;
    }

    /// <summary>The port of an endpoint HOST:PORT.</summary>
    public static int PublicPort(string endpoint) =>
        AddressFile.IsEndpoint(endpoint) ? int.Parse(endpoint[(endpoint.LastIndexOf(':') + 1)..]) : throw new FormatException($"'{endpoint}' is no HOST:PORT");
}
