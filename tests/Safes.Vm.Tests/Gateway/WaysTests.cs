using System.Net;
using Safes.Linux;
using Safes.Network;
using Safes.Network.Tests;

namespace Safes.Vm.Tests.Gateway;

/// <summary>Single services and closed mode through a real gateway and the bridge behind it; and what a stranger hears of it.</summary>
[Trait("needs", "guest")]
public sealed class WaysTests(SharedScene shared) : IClassFixture<SharedScene>
{
    [Fact]
    public async Task A_service_is_open_to_devices_with_a_session_over_restarts_and_taken_back_at_once()
    {
        var scene = await shared.SceneAsync();
        WaysIn open = new(true, [new ServicePort(scene.Host, GatewayScene.OtherPort)]);
        await scene.Guest.AllowAsync([scene.Anna.Address]);
        await scene.Guest.OpenWaysAsync(WaysIn.ShellOnly);
        Assert.False(await scene.Anna.ReachesAsync(scene.Host, GatewayScene.OtherPort));
        await scene.Guest.OpenWaysAsync(open);
        using var service = await Conversation.BeginAsync(scene.Anna.Pin, scene.Host, GatewayScene.OtherPort);
        Assert.True(await service.SayAsync(100_000, 10));
        Assert.False(await scene.Bob.ReachesAsync(scene.Host, GatewayScene.OtherPort));

        // The gateway dies: its successor is told.
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scene.Guest.Changed += now => (now ? up : new TaskCompletionSource()).TrySetResult();
        using (var process = PidFd.Open(scene.Guest.Pid))
        {
            process!.Kill();
        }

        await up.Task.WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
        await Task.WhenAll(scene.Anna.ReconnectAsync(), scene.Bob.ReconnectAsync());
        Assert.True(await scene.Anna.ReachesAsync(scene.Host, GatewayScene.OtherPort, 15_000));
        Assert.False(await scene.Bob.ReachesAsync(scene.Host, GatewayScene.OtherPort));

        // Taken back, and closed mode, hold at the gateway alone too.
        await scene.Guest.OpenWaysAsync(WaysIn.ShellOnly);
        await scene.OpenBridgesAsync();
        Assert.False(await service.SayAsync("into the void"u8.ToArray(), TimeSpan.FromSeconds(2)));
        Assert.False(await scene.Anna.ReachesAsync(scene.Host, GatewayScene.OtherPort));
        Assert.True(await scene.Anna.ReachesAsync(scene.Host, 22, 5000));
        await scene.Guest.OpenWaysAsync(WaysIn.None);
        Assert.False(await scene.Anna.ReachesAsync(scene.Host, 22));
        Assert.True(await scene.Anna.ReachesAsync(scene.Relay, SafeAddresses.ControlPort, 5000));
        await scene.RestartSafedAsync();
    }

    [Fact]
    public async Task Whoever_has_no_key_hears_nothing_from_the_gateway_whatever_he_sends()
    {
        var scene = await shared.SceneAsync();
        await scene.OpenBridgesAsync();      // the gateway by itself
        IPAddress router = scene.Addresses.UplinkRouter, gateway = scene.Addresses.UplinkGateway;
        string outer = $"safe-{string.Join('-', scene.Addresses.Prefix.Split('.')[1..3])}";
        // Its true MAC: under a false one the gateway would answer everybody there, and nobody would hear it.
        string mac = (await Tool.RunAsync("ip", ["-br", "link", "show", "dev", outer], network: scene.Server.Server)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
        using var link = RawLink.Open(scene.Server.Plan.NamespacePin, "gw-uplink");
        using var sender = RawLink.Open(scene.Server.Server, outer);
        byte[][] packets =
        [
            .. Enumerable.Range(0, 6).Select(type => Frame.UdpOf([(byte)type, 0, 0, 0, .. new byte[144]], mac, GatewayPorts.UplinkMac, router, gateway, TestServer.Port)),
            .. ((int[])[53, 123, 7788, 51821]).Select(port => Frame.Udp("stranger", mac, GatewayPorts.UplinkMac, router, gateway, port)),
            .. ((int[])[22, 80, 7788, TestServer.Port]).SelectMany(port => ((byte[])[2, 16, 4, 41, 0]).Select(flags => Frame.Tcp("stranger", mac, GatewayPorts.UplinkMac, router, gateway, 40000, port, flags))),
            .. ((byte[])[8, 13, 15, 17]).Select(type => Frame.Icmp("stranger", mac, GatewayPorts.UplinkMac, router, gateway, type)),
            .. ((byte[])[2, 41, 47, 50, 132, 255]).Select(protocol => Frame.Udp("stranger", mac, GatewayPorts.UplinkMac, router, gateway, 1, protocol)),
            .. ((byte[])[128, 133, 135]).Select(type => Frame.Icmp6("stranger", mac, GatewayPorts.UplinkMac, IPAddress.Parse("fe80::99"), IPAddress.Parse("ff02::1"), type, IPAddress.Parse("fe80::5054:ff:fe53:1"))),
        ];
        foreach (byte[] packet in packets)
        {
            sender.Send(packet);
        }

        // The last word is one that it answers, and has to: who has its address. Everything before it has been read by then.
        sender.Send(Frame.Arp("who", mac, "ff:ff:ff:ff:ff:ff", mac, router, gateway));
        var said = await link.FramesFromAsync(GatewayPorts.UplinkMac, frame => frame[12] == 8 && frame[13] == 6 && frame[21] == 2, TimeSpan.FromSeconds(20));
        Assert.All(said, frame => Assert.True(frame[12] == 8 && frame[13] == 6, Convert.ToHexString(frame)));
        Assert.True(await scene.Anna.ReachesAsync(scene.Relay, SafeAddresses.ControlPort, 5000));      // and who has a key is heard
        await scene.RestartSafedAsync();
    }
}
