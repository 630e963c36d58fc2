using System.Net;

namespace Safes.Network.Tests;

/// <summary>Who may begin a connection to whom. Every refusal is seen to be one: with the rules gone the same attempt succeeds.</summary>
[Trait("needs", "root")]
public class DirectionTests
{
    [Fact]
    public async Task From_the_gateway_only_ssh_of_allowed_devices_gets_in_and_hosts_begin_nothing()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string gateway = await server.GatewayAsync(0, 1), one = await server.HostAsync(10), two = await server.HostAsync(11);
        IPAddress allowed = server.Addresses.Device(0), denied = server.Addresses.Device(1), inside = server.Addresses.InsideGateway;
        IPAddress hostOne = server.Addresses.Host(10), hostTwo = server.Addresses.Host(11);
        await server.Network.AllowDevicesAsync([allowed]);
        using var ssh = TestServer.Listen(one, 22);
        using var web = TestServer.Listen(one, 8000);
        using var atTwo = TestServer.Listen(two, 8000);
        using var atGateway = TestServer.Listen(gateway, 2222);
        (string What, Func<Task<bool>> Try, bool Allowed)[] attempts =
        [
            ("a device with a session to SSH", () => TestServer.ReachesAsync(gateway, allowed, hostOne, 22), true),
            ("a device with a session to another port", () => TestServer.ReachesAsync(gateway, allowed, hostOne, 8000), false),
            ("a device without a session to SSH", () => TestServer.ReachesAsync(gateway, denied, hostOne, 22), false),
            ("the gateway itself to SSH", () => TestServer.ReachesAsync(gateway, inside, hostOne, 22), false),
            ("a host to a host", () => TestServer.ReachesAsync(one, null, hostTwo, 8000), true),
            ("a host to a host's SSH", () => TestServer.ReachesAsync(two, null, hostOne, 22), true),
            ("a host to the gateway", () => TestServer.ReachesAsync(two, null, inside, 2222), false),
            ("a host to a device", () => TestServer.ReachesAsync(two, null, allowed, 2222), false),
            ("a host from port 22 to a device", () => TestServer.ReachesAsync(two, null, allowed, 2222, fromPort: 22), false),
        ];
        foreach (var (what, attempt, expected) in attempts)
        {
            Assert.True(expected == await attempt(), $"{what}: expected {expected}");
        }

        await server.Network.AllowDevicesAsync([]);
        Assert.False(await TestServer.ReachesAsync(gateway, allowed, hostOne, 22));

        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table bridge safe\n");
        foreach (var (what, attempt, _) in attempts)
        {
            Assert.True(await attempt(), $"{what}, with the rules gone");
        }
    }

    /// <summary>A connection fails where either way is cut; what needs no answer shows each way by itself.</summary>
    [Fact]
    public async Task Not_even_a_datagram_passes_between_a_device_with_a_session_and_a_host()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string gateway = await server.GatewayAsync(0), host = await server.HostAsync(10);
        IPAddress device = server.Addresses.Device(0), at = server.Addresses.Host(10);
        await server.Network.AllowDevicesAsync([device]);
        using var fromDevice = TestServer.Datagrams(gateway, device, 9000);
        using var fromHost = TestServer.Datagrams(host, at, 9000);
        Assert.Equal((false, false), (await TestServer.PassesAsync(fromDevice, fromHost, at), await TestServer.PassesAsync(fromHost, fromDevice, device)));
        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table bridge safe\n");
        Assert.Equal((true, true), (await TestServer.PassesAsync(fromDevice, fromHost, at), await TestServer.PassesAsync(fromHost, fromDevice, device)));
    }

    [Fact]
    public async Task The_control_link_leads_to_one_port()
    {
        await using var server = await TestServer.WithNetworkAsync();
        using var control = server.Network.ListenControl();
        string gateway = await server.GatewayAsync();
        using var other = TestServer.Listen(server.Plan.NamespacePin, 7789);
        var hypervisor = server.Addresses.ControlHypervisor;
        Assert.True(await TestServer.ReachesAsync(gateway, null, hypervisor, SafeAddresses.ControlPort, milliseconds: 10_000));      // a link that has just come up loses the first packet
        Assert.False(await TestServer.ReachesAsync(gateway, null, hypervisor, 7789));
        using var atGateway = TestServer.Listen(gateway, 2222);
        Assert.False(await TestServer.ReachesAsync(server.Plan.NamespacePin, null, server.Addresses.ControlGateway, 2222));

        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table inet control\n");
        Assert.True(await TestServer.ReachesAsync(gateway, null, hypervisor, 7789));
        Assert.True(await TestServer.ReachesAsync(server.Plan.NamespacePin, null, server.Addresses.ControlGateway, 2222));
    }
}
