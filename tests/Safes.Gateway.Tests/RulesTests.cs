using System.Net;
using Safes.Contracts.V1;
using Safes.Gateway.Rules;
using Safes.Gateway.Settings;

namespace Safes.Gateway.Tests;

/// <summary>What nft and wg are told, as committed text: a change of the rules is seen in review.</summary>
public class RulesTests
{
    private static readonly GatewaySettings Settings = GatewaySettings.Check(Example.Configuration(), out _)!;

    [Fact]
    public void The_rules_of_a_configured_gateway_are_those_committed() =>
        Assert.Equal(Committed("configured.nft"), NftRules.Configured(Settings, new Admission([IPAddress.Parse("10.83.0.3")], true, [IPEndPoint.Parse("10.83.1.10:8888")])));

    [Fact]
    public void The_rules_of_the_uplinks_namespace_are_those_committed() => Assert.Equal(Committed("world.nft"), NftRules.OfWorld(Settings));

    [Fact]
    public void The_tunnel_of_a_configured_gateway_is_the_one_committed() => Assert.Equal(Committed("tunnel.conf"), WireGuardConfiguration.Of(Settings));

    [Fact]
    public void The_devices_with_a_session_and_what_they_reach_are_replaced_in_one_step()
    {
        const string Flush = "flush chain ip gateway passes\ndelete flowtable ip gateway fast\n" +
            "table ip gateway {\n  flowtable fast { hook ingress priority filter; devices = { \"wg0\", \"eth2\" }; }\n  chain passes { flow add @fast; accept; }\n}\n" +
            "flush set ip gateway allowed\nflush set ip gateway doors\nflush set ip gateway services\n";
        Assert.Equal(Flush, NftRules.Admit(Admission.None));
        Assert.Equal(
            Flush + "add element ip gateway allowed { 10.83.0.2, 10.83.0.3 }\nadd element ip gateway doors { 22 }\nadd element ip gateway services { 10.83.1.10 . 8888 }\n",
            NftRules.Admit(new Admission([IPAddress.Parse("10.83.0.2"), IPAddress.Parse("10.83.0.3")], true, [IPEndPoint.Parse("10.83.1.10:8888")])));
    }

    [Theory]
    [InlineData("10.83.1.10", 0u)]
    [InlineData("10.83.1.10", 70000u)]
    [InlineData("10.83.1.1", 8888u)]           // the gateway's own
    [InlineData("10.83.0.2", 8888u)]           // a device's
    [InlineData("10.83.1.10; flush ruleset", 8888u)]
    [InlineData("10.83.1.010", 8888u)]
    public void A_service_that_is_no_hosts_is_left_out_and_nobody_keeps_a_place_by_it(string host, uint port)
    {
        var message = new AllowedDevices { Addresses = { "10.83.0.2", "10.83.0.9" }, Shell = true, Services = { new HostService { Host = host, Port = port }, new HostService { Host = "10.83.1.11", Port = 80 } } };
        var (admitted, whole) = Admission.Of(message, Settings);
        Assert.False(whole);
        Assert.Equal(["10.83.1.11:80"], admitted.Services.Select(s => s.ToString()));
        Assert.Equal(["10.83.0.2"], admitted.Devices.Select(d => d.ToString()));
        Assert.Empty(admitted.Among([]).Devices);
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
