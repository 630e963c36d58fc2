using Safes.Network;
using Safes.Network.Tests;

namespace Safes.Vm.Tests.Gateway;

/// <summary>A gateway that forwards everything: what is beyond it holds by itself.</summary>
[Trait("needs", "guest")]
public sealed class HostileGatewayTests
{
    [Fact]
    public async Task A_gateway_that_forwards_everything_gets_a_device_without_a_session_nowhere()
    {
        await using var scene = await GatewayScene.MakeAsync(hostile: true);
        await scene.Guest.AllowAsync([scene.Anna.Address]);
        Assert.True(await scene.Anna.ReachesAsync(scene.Host, 22, 10_000));
        Assert.True(await scene.Bob.ReachesAsync(scene.Relay, SafeAddresses.ControlPort, 10_000));
        string host = scene.Server.At("h10");
        using var atDevice = TestServer.Listen(scene.Anna.Pin, 2222);
        Assert.DoesNotContain(true, await Task.WhenAll(
            scene.Bob.ReachesAsync(scene.Host, 22),
            scene.Anna.ReachesAsync(scene.Host, GatewayScene.OtherPort),
            TestServer.ReachesAsync(host, null, scene.Anna.Address, 2222),
            TestServer.ReachesAsync(host, null, scene.Addresses.ControlHypervisor, SafeAddresses.ControlPort)));

        // It does forward everything: with the bridge's rules gone all of it gets through.
        await TestServer.NftAsync(scene.Server.Plan.NamespacePin, "delete table bridge safe\n");
        Assert.True(await scene.Bob.ReachesAsync(scene.Host, 22, 10_000));
        Assert.True(await scene.Anna.ReachesAsync(scene.Host, GatewayScene.OtherPort, 10_000));
        Assert.True(await TestServer.ReachesAsync(host, null, scene.Anna.Address, 2222, milliseconds: 10_000));
    }
}
