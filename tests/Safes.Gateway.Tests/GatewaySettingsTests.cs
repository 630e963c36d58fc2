using Google.Protobuf;
using Safes.Contracts.V1;
using Safes.Gateway.Settings;

namespace Safes.Gateway.Tests;

public class GatewaySettingsTests
{
    [Fact]
    public void A_right_configuration_is_taken_whole()
    {
        var settings = GatewaySettings.Check(Example.Configuration(), out var errors);
        Assert.Empty(errors);
        Assert.Equal("10.83.0.1/24", settings!.Tunnel.ToString());
        Assert.Equal("10.83.2.1:7788", settings.ControlTarget.ToString());
        Assert.Equal(["10.83.0.2", "10.83.0.3"], settings.Peers.Select(p => p.Address.ToString()));
        Assert.Equal(2027, settings.Now!.Value.Year);
    }

    [Fact]
    public void Every_error_is_told_at_once()
    {
        Assert.Null(GatewaySettings.Check(new GatewayConfiguration(), out var errors));
        Assert.Equal(9, errors.Count);
    }

    public static TheoryData<string, Action<GatewayConfiguration>> Wrong => new()
    {
        { "key", c => c.PrivateKey = ByteString.CopyFrom(1, 2, 3) },
        { "listen_port", c => c.ListenPort = 70000 },
        { "control_port", c => c.ControlPort = 0 },
        { "no time", c => c.UnixMilliseconds = -1 },
        { "no time", c => c.UnixMilliseconds = long.MaxValue },
        { "tunnel_address", c => c.TunnelAddress = "10.83.0.1" },
        { "tunnel_address", c => c.TunnelAddress = "10.83.0.1/33" },
        { "tunnel_address", c => c.TunnelAddress = "10.83.0.1/024" },
        { "tunnel_address", c => c.TunnelAddress = "10.83.1/24" },
        { "tunnel_address", c => c.TunnelAddress = "10.83.0.1/24; }" },
        { "tunnel_address", c => c.TunnelAddress = "fe80::1/24" },
        { "inside_address", c => c.InsideAddress = "127.0.0.1/24" },
        { "share", c => c.InsideAddress = "10.83.0.77/25" },
        { "uplink_router", c => c.UplinkRouter = "10.84.3.1" },
        { "control_target", c => c.ControlTarget = "10.83.2.1" },
        { "control_target", c => c.ControlTarget = "10.83.9.1:7788" },
        { "control_target", c => c.ControlTarget = "10.83.2.1:0" },
        { "peer", c => c.Peers[0].Address = "10.84.0.2" },
        { "peer", c => c.Peers[0].Address = "10.83.0.1" },
        { "peer", c => c.Peers[0].Address = "0.0.0.0" },
        { "peer", c => c.Peers[0].PublicKey = ByteString.Empty },
        { "one address", c => c.Peers[0].Address = "10.83.0.3" },
        { "one key", c => c.Peers[0].PublicKey = Example.Key(3) },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_is_refused(string says, Action<GatewayConfiguration> spoil)
    {
        var configuration = Example.Configuration();
        spoil(configuration);
        Assert.Null(GatewaySettings.Check(configuration, out var errors));
        Assert.Contains(errors, e => e.Contains(says, StringComparison.Ordinal));
    }
}
