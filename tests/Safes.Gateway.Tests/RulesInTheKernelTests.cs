using System.Net;
using System.Net.Sockets;
using Safes.Gateway.Rules;
using Safes.Gateway.Settings;
using Safes.Linux;
using Safes.Network.Tests;

namespace Safes.Gateway.Tests;

/// <summary>
/// The gateway's rules in a namespace whose links have the gateway's names; in WireGuard's place is a plain link. Every refusal is seen to be
/// one: with the rules gone the same attempt succeeds.
/// </summary>
[Trait("needs", "root")]
public abstract class RulesInTheKernel(bool fastPath)
{
    private static readonly GatewaySettings Settings = GatewaySettings.Check(Example.Configuration(), out _)!;
    private static readonly IPAddress Allowed = IPAddress.Parse("10.83.0.2"), Denied = IPAddress.Parse("10.83.0.3"), Host = IPAddress.Parse("10.83.1.10"),
        Stranger = IPAddress.Parse("10.83.3.1");
    private static readonly Admission Shell = new([Allowed], true, []), Open = Shell with { Services = [new IPEndPoint(Host, 8888)] };

    [Fact]
    public async Task Devices_reach_the_relay_and_those_with_a_session_SSH_and_nobody_anything_else()
    {
        await using var server = await TestServer.StartAsync();
        string gateway = await server.SpaceAsync("gateway"), tunnel = await server.SpaceAsync("tunnel"), inside = await server.SpaceAsync("inside"),
            control = await server.SpaceAsync("control"), world = await server.SpaceAsync("world"), outside = await server.SpaceAsync("outside");
        await LinkAsync(gateway, NftRules.Tunnel, Settings.Tunnel, tunnel, $"{Allowed}/24", $"{Denied}/24");
        await LinkAsync(gateway, NftRules.Inside, Settings.Inside, inside, $"{Host}/24");
        await LinkAsync(gateway, NftRules.Control, Settings.Control, control, $"{Settings.ControlTarget.Address}/30");
        await LinkAsync(world, NftRules.Uplink, Settings.Uplink, outside, $"{Stranger}/30");
        Sched.InNetwork(gateway, () =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
            return true;
        });
        await TestServer.NftAsync(gateway, NftRules.DenyEverything);
        await TestServer.NftAsync(world, NftRules.DenyEverything);

        using var ssh = TestServer.Listen(inside, 22);
        using var web = TestServer.Listen(inside, 8000);
        using var relay = TestServer.Listen(gateway, Settings.ControlPort);
        using var other = TestServer.Listen(gateway, 8000);
        using var safed = TestServer.Listen(control, Settings.ControlTarget.Port);
        using var atSafed = TestServer.Listen(control, 8000);
        using var atDevice = TestServer.Listen(tunnel, 2222);
        using var atUplink = TestServer.Listen(world, 8000);
        using var atStranger = TestServer.Listen(outside, 8000);
        (string What, Func<Task<bool>> Try, bool Allowed)[] attempts =
        [
            ("a device with a session to SSH", () => TestServer.ReachesAsync(tunnel, Allowed, Host, 22), true),
            ("a device to the relay", () => TestServer.ReachesAsync(tunnel, Denied, Settings.Tunnel.Address, Settings.ControlPort), true),
            ("the gateway to safed", () => TestServer.ReachesAsync(gateway, null, Settings.ControlTarget.Address, Settings.ControlTarget.Port), true),
            ("a device without a session to SSH", () => TestServer.ReachesAsync(tunnel, Denied, Host, 22), false),
            ("a device with a session to another port", () => TestServer.ReachesAsync(tunnel, Allowed, Host, 8000), false),
            ("a device to another port of the gateway", () => TestServer.ReachesAsync(tunnel, Allowed, Settings.Tunnel.Address, 8000), false),
            ("a device to the relay by another address", () => TestServer.ReachesAsync(tunnel, Allowed, Settings.Inside.Address, Settings.ControlPort), false),
            ("a device past the relay to safed", () => TestServer.ReachesAsync(tunnel, Allowed, Settings.ControlTarget.Address, 7788), false),
            ("a host to a device", () => TestServer.ReachesAsync(inside, null, Allowed, 2222), false),
            ("a host from port 22 to a device", () => TestServer.ReachesAsync(inside, null, Allowed, 2222, fromPort: 22), false),
            ("a host to the relay", () => TestServer.ReachesAsync(inside, null, Settings.Inside.Address, Settings.ControlPort), false),
            ("a host to safed", () => TestServer.ReachesAsync(inside, null, Settings.ControlTarget.Address, 7788), false),
            ("safed to the gateway", () => TestServer.ReachesAsync(control, null, Settings.Control.Address, Settings.ControlPort), false),
            ("safed's side to a host", () => TestServer.ReachesAsync(control, null, Host, 22), false),
            ("a stranger to the gateway", () => TestServer.ReachesAsync(outside, null, Settings.Uplink.Address, 8000), false),
            ("the gateway outside", () => TestServer.ReachesAsync(world, null, Stranger, 8000), false),
            ("the gateway to a host", () => TestServer.ReachesAsync(gateway, null, Host, 22), false),
            ("the gateway to another port of safed's side", () => TestServer.ReachesAsync(gateway, null, Settings.ControlTarget.Address, 8000), false),
        ];
        Assert.DoesNotContain(true, await Task.WhenAll(attempts.Select(a => a.Try())));

        await TestServer.NftAsync(gateway, NftRules.Configured(Settings, Admission.None, fastPath));
        await TestServer.NftAsync(world, NftRules.OfWorld(Settings));
        Assert.False(await attempts[0].Try());
        await TestServer.NftAsync(gateway, NftRules.Admit(Shell, fastPath));
        foreach (var ((what, _, expected), got) in attempts.Zip(await Task.WhenAll(attempts.Select(a => a.Try()))))
        {
            Assert.True(expected == got, $"{what}: expected {expected}");
        }

        await TestServer.NftAsync(gateway, "delete table ip gateway\n");
        await TestServer.NftAsync(world, "delete table ip gateway\n");
        foreach (var ((what, _, _), got) in attempts.Zip(await Task.WhenAll(attempts.Select(a => a.Try()))))
        {
            Assert.True(got, $"{what}, with the rules gone");
        }
    }

    [Fact]
    public async Task The_end_of_a_session_stops_what_is_established_both_ways_and_its_return_takes_it_up()
    {
        await using var server = await TestServer.StartAsync();
        var (gateway, tunnel, inside) = await BetweenAsync(server);
        await TestServer.NftAsync(gateway, NftRules.Configured(Settings, Shell, fastPath));
        using var listener = TestServer.Listen(inside, 22);
        using var device = Sched.InNetwork(tunnel, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await device.ConnectAsync(Host, 22, TestContext.Current.CancellationToken);
        using var host = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        host.NoDelay = true;

        await TestServer.NftAsync(gateway, NftRules.Admit(Shell with { Devices = [] }, fastPath));
        device.Send([1]);
        host.Send([2]);
        Assert.Equal((0, 0), (await HearAsync(host, 1000), await HearAsync(device, 1000)));
        await TestServer.NftAsync(gateway, NftRules.Admit(Shell, fastPath));
        Assert.Equal((1, 1), (await HearAsync(host, 20_000), await HearAsync(device, 20_000)));
    }

    [Fact]
    public async Task A_service_is_reached_while_it_is_open_and_cut_both_ways_when_it_is_taken_back()
    {
        await using var server = await TestServer.StartAsync();
        var (gateway, tunnel, inside) = await BetweenAsync(server);
        using var service = TestServer.Listen(inside, 8888);
        using var ssh = TestServer.Listen(inside, 22);
        using var beside = TestServer.Listen(inside, 8889);
        await TestServer.NftAsync(gateway, NftRules.Configured(Settings, Shell, fastPath));
        Assert.False(await TestServer.ReachesAsync(tunnel, Allowed, Host, 8888));
        await TestServer.NftAsync(gateway, NftRules.Admit(Open, fastPath));
        Assert.True(await TestServer.ReachesAsync(tunnel, Allowed, Host, 22));
        (await ssh.AcceptAsync(TestContext.Current.CancellationToken)).Dispose();
        Assert.False(await TestServer.ReachesAsync(tunnel, Allowed, Host, 8889));
        Assert.False(await TestServer.ReachesAsync(tunnel, Denied, Host, 8888));
        foreach (int port in (int[])[8888, 22])
        {
            using var device = Sched.InNetwork(tunnel, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
            device.Bind(new IPEndPoint(Allowed, 0));
            await device.ConnectAsync(Host, port, TestContext.Current.CancellationToken);
            using var host = await (port == 22 ? ssh : service).AcceptAsync(TestContext.Current.CancellationToken);
            await TestServer.NftAsync(gateway, NftRules.Admit(Open with { Shell = false, Services = [] }, fastPath));      // closed mode: nothing from devices
            device.Send([1]);
            host.Send([2]);
            Assert.Equal((0, 0), (await HearAsync(host, 1000), await HearAsync(device, 300)));
            await TestServer.NftAsync(gateway, NftRules.Admit(Open, fastPath));
            Assert.True(await HearAsync(host, 20_000) > 0);
        }
    }

    [Fact]
    public async Task Answers_that_nobody_asked_for_come_to_no_device()
    {
        await using var server = await TestServer.StartAsync();
        var (gateway, tunnel, inside) = await BetweenAsync(server);
        await TestServer.NftAsync(gateway, NftRules.Configured(Settings, Open, fastPath));
        using var ssh = TestServer.Listen(inside, 22);
        Assert.True(await TestServer.ReachesAsync(tunnel, Allowed, Host, 22));      // neighbours know each other
        string own = (await Tool.RunAsync("ip", ["-br", "link", "show", "dev", "e"], network: inside)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
        string router = (await Tool.RunAsync("ip", ["-br", "link", "show", "dev", NftRules.Inside], network: gateway)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
        using var hostile = RawLink.Open(inside, "e");
        using var atDevice = RawLink.Open(tunnel, "e");
        // The bridge lets such through, since it tracks nothing: answers by their port and flags alone.
        (string What, int Port, byte Flags)[] forged =
            [("SYN and ACK", 22, 18), ("ACK with data", 22, 24), ("RST", 22, 4), ("RST and ACK", 22, 20), ("FIN", 22, 17), ("none", 22, 0), ("a service's", 8888, 24), ("SYN", 22, 2)];
        void SendAll()
        {
            foreach (var (what, port, flags) in forged)
            {
                hostile.Send(Frame.Tcp(what, own, router, Host, Allowed, port, 40000, flags));
            }
        }

        SendAll();
        await TestServer.NftAsync(gateway, "delete table ip gateway\n");
        SendAll();
        Assert.Equal(forged.Select(f => f.What), await atDevice.HearUntilAsync("SYN", TimeSpan.FromSeconds(10)));
    }

    private static async Task<(string Gateway, string Tunnel, string Inside)> BetweenAsync(TestServer server)
    {
        string gateway = await server.SpaceAsync("gateway"), tunnel = await server.SpaceAsync("tunnel"), inside = await server.SpaceAsync("inside"),
            others = await server.SpaceAsync("others");
        await LinkAsync(gateway, NftRules.Tunnel, Settings.Tunnel, tunnel, $"{Allowed}/24", $"{Denied}/24");
        await LinkAsync(gateway, NftRules.Inside, Settings.Inside, inside, $"{Host}/24");
        await TestServer.IpAsync(gateway, $"""
            link add {NftRules.Control} type veth peer name c netns {others}
            """);
        Sched.InNetwork(gateway, () =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
            return true;
        });
        return (gateway, tunnel, inside);
    }

    private static async Task<int> HearAsync(Socket socket, int milliseconds)
    {
        using var limit = new CancellationTokenSource(milliseconds);
        try
        {
            return await socket.ReceiveAsync(new byte[10], limit.Token);
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
    }

    private static async Task LinkAsync(string gateway, string link, InterfaceAddress here, string there, params string[] addresses)
    {
        await TestServer.IpAsync(gateway, $"link add {link} type veth peer name e netns {there}\naddr add {here} dev {link}\nlink set {link} up");
        await TestServer.IpAsync(there, $"{string.Join('\n', addresses.Select(a => $"addr add {a} dev e"))}\nlink set e up\nroute add default via {here.Address}");
    }
}

public sealed class RulesInTheKernelTests() : RulesInTheKernel(fastPath: false);

/// <summary>The same with flow tables, which not every kernel has: ServersKernelTests run them on a server's.</summary>
[Trait("needs", "own-kernel")]
public sealed class RulesWithFlowTablesTests() : RulesInTheKernel(fastPath: true);
