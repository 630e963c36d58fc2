using System.Net;
using Safes.Contracts.V1;

namespace Safes.Gateway.Settings;

/// <summary>One device: its WireGuard key and its one address.</summary>
internal sealed record Peer(string PublicKey, IPAddress Address);

/// <summary>A checked configuration. Nothing that is not here reaches a command line or a rule.</summary>
internal sealed record GatewaySettings(
    string PrivateKey,
    int ListenPort,
    IReadOnlyList<Peer> Peers,
    InterfaceAddress Tunnel,
    InterfaceAddress Uplink,
    IPAddress UplinkRouter,
    InterfaceAddress Control,
    IPEndPoint ControlTarget,
    InterfaceAddress Inside,
    int ControlPort,
    DateTimeOffset? Now)
{
    private const int PeerLimit = 1024, KeyLength = 32;

    /// <summary>Checks a configuration as it came; every error at once.</summary>
    public static GatewaySettings? Check(GatewayConfiguration from, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        InterfaceAddress? Address(string name, string text) => InterfaceAddress.TryParse(text) ?? Fail<InterfaceAddress>(name, text);
        T? Fail<T>(string name, string text) where T : class
        {
            found.Add($"{name}: '{text}' is no IPv4 address as it should be");
            return null;
        }

        var tunnel = Address("tunnel_address", from.TunnelAddress);
        var uplink = Address("uplink_address", from.UplinkAddress);
        var control = Address("control_address", from.ControlAddress);
        var inside = Address("inside_address", from.InsideAddress);
        var router = InterfaceAddress.TryParseHost(from.UplinkRouter) ?? Fail<IPAddress>("uplink_router", from.UplinkRouter);
        var target = TryParseTarget(from.ControlTarget) ?? Fail<IPEndPoint>("control_target", from.ControlTarget);
        Demand(from.PrivateKey.Length == KeyLength, "private_key has not 32 bytes");
        Demand(from.ListenPort is > 0 and <= ushort.MaxValue, "listen_port is no port");
        Demand(from.ControlPort is > 0 and <= ushort.MaxValue, "control_port is no port");
        Demand(from.Peers.Count <= PeerLimit, $"more than {PeerLimit} peers");
        Demand(from.UnixMilliseconds is >= 0 and < 253402300800000, "unix_milliseconds is no time");
        if (tunnel is not null && control is not null && uplink is not null && inside is not null)
        {
            InterfaceAddress[] links = [tunnel, uplink, control, inside];
            Demand(links.Select((a, i) => links.Skip(i + 1).All(b => !a.Overlaps(b))).All(apart => apart), "two links share addresses");
            Demand(router is null || uplink.Contains(router), "uplink_router is not on the uplink");
            Demand(target is null || control.Contains(target.Address), "control_target is not on the control link");
        }

        var peers = new List<Peer>();
        foreach (var peer in from.Peers.Take(PeerLimit))
        {
            var address = InterfaceAddress.TryParseHost(peer.Address);
            bool valid = peer.PublicKey.Length == KeyLength && address is not null && tunnel is not null && tunnel.Contains(address) &&
                !address.Equals(tunnel.Address);
            Demand(valid, $"peer '{peer.Address}' has not a key of 32 bytes and an address in the tunnel");
            if (valid)
            {
                peers.Add(new Peer(Convert.ToBase64String(peer.PublicKey.Span), address!));
            }
        }

        Demand(peers.DistinctBy(p => p.Address).Count() == peers.Count, "two peers have one address");
        Demand(peers.DistinctBy(p => p.PublicKey).Count() == peers.Count, "two peers have one key");
        return found.Count > 0
            ? null
            : new GatewaySettings(
                Convert.ToBase64String(from.PrivateKey.Span), (int)from.ListenPort, peers, tunnel!, uplink!, router!, control!, target!, inside!,
                (int)from.ControlPort, from.UnixMilliseconds == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(from.UnixMilliseconds));

        void Demand(bool holds, string otherwise)
        {
            if (!holds)
            {
                found.Add(otherwise);
            }
        }
    }

    private static IPEndPoint? TryParseTarget(string text) =>
        text.Split(':') is [var host, var port] && InterfaceAddress.TryParseHost(host) is { } address && ushort.TryParse(port, out ushort number) && number > 0
            ? new IPEndPoint(address, number)
            : null;
}
