using System.Net;
using Safes.Gateway.Rules;
using Safes.Gateway.Settings;

namespace Safes.Gateway.Tests;

/// <summary>What nft and wg are told, as committed text: a change of the rules is seen in review.</summary>
public class RulesTests
{
    private static readonly GatewaySettings Settings = GatewaySettings.Check(Example.Configuration(), out _)!;

    [Fact]
    public void The_rules_of_a_configured_gateway_are_those_committed() =>
        Assert.Equal(Committed("configured.nft"), NftRules.Configured(Settings, [IPAddress.Parse("10.83.0.3")]));

    [Fact]
    public void The_tunnel_of_a_configured_gateway_is_the_one_committed() => Assert.Equal(Committed("tunnel.conf"), WireGuardConfiguration.Of(Settings));

    [Fact]
    public void The_devices_with_a_session_are_replaced_in_one_step()
    {
        Assert.Equal("flush set ip gateway allowed\n", NftRules.Allow([]));
        Assert.Equal(
            "flush set ip gateway allowed\nadd element ip gateway allowed { 10.83.0.2, 10.83.0.3 }\n",
            NftRules.Allow([IPAddress.Parse("10.83.0.2"), IPAddress.Parse("10.83.0.3")]));
    }

    [Fact]
    public void Peers_are_read_from_what_wg_prints_and_other_lines_are_not()
    {
        string dump = "private\tpublic\t51820\toff\n" +
            "AgIC\t(none)\t192.0.2.2:4000\t10.83.0.2/32\t1800000000\t123\t456\toff\n" +
            "AwMD\t(none)\t(none)\t10.83.0.3/32\t0\t0\t0\toff\n" +
            "torn line\tof\tthree\n";
        var states = PeerStates.Parse(dump).ToArray();
        Assert.Equal(["10.83.0.2", "10.83.0.3"], states.Select(s => s.Address));
        Assert.Equal((1800000000L, 123UL, 456UL), (states[0].LastHandshakeUnix, states[0].Received, states[0].Sent));
    }

    private static string Committed(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Snapshots", name));
}
