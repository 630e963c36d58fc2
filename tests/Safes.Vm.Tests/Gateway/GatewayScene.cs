using System.Net;
using Google.Protobuf;
using Safes.Contracts.V1;
using Safes.Hypervisor.Gateway;
using Safes.Linux;
using Safes.Network;
using Safes.Network.Tests;

namespace Safes.Vm.Tests.Gateway;

/// <summary>A real gateway on a server of the tests' own, two devices outside, safed's end of the control link, and a host's port 22 inside.</summary>
internal sealed class GatewayScene : IAsyncDisposable
{
    public const int OtherPort = 8000;
    private readonly List<IDisposable> servers = [];
    private readonly string gatewayKey;

    private GatewayScene(TestServer server, string gatewayKey) => (Server, this.gatewayKey) = (server, gatewayKey);

    public TestServer Server { get; }

    public GatewayGuest Guest { get; private set; } = null!;

    public GatewayGuestOptions Options { get; private set; } = null!;

    public GatewayConfiguration Configuration { get; private set; } = null!;

    public TimeSpan StartTook { get; private set; }

    public TestDevice Anna { get; private set; } = null!;

    public TestDevice Bob { get; private set; } = null!;

    public SafeAddresses Addresses => Server.Addresses;

    public IPAddress Host => Addresses.Host(10);

    public IPAddress Relay => Addresses.TunnelGateway;

    public static async Task<GatewayScene> MakeAsync(bool hostile = false, int deviceMtu = 1420)
    {
        Parts.NeedRoot();
        var tools = await Parts.ToolsAsync();
        string image = await GatewayParts.ImageAsync();
        var server = await TestServer.WithNetworkAsync();
        var (privateKey, publicKey) = await TestDevice.KeysAsync();
        var scene = new GatewayScene(server, publicKey);
        try
        {
            await scene.BuildAsync(tools, hostile ? await GatewayParts.HostileImageAsync(server.At("hostile")) : image, privateKey, deviceMtu);
            return scene;
        }
        catch
        {
            if (scene.Options is { } options && File.Exists(options.LogFile))
            {
                TestContext.Current.TestOutputHelper?.WriteLine(await File.ReadAllTextAsync(options.LogFile));
            }

            await scene.DisposeAsync();
            throw;
        }
    }

    private async Task BuildAsync(Qemu.Tools tools, string image, string privateKey, int deviceMtu)
    {
        Anna = await TestDevice.MakeAsync(Server.Device, Addresses.Device(0));
        Bob = await TestDevice.MakeAsync(Server.OtherDevice, Addresses.Device(1));
        string host = await Server.HostAsync(10);
        servers.Add(new EchoServer(TestServer.Listen(host, 22)));
        servers.Add(new EchoServer(TestServer.Listen(host, OtherPort)));
        servers.Add(new EchoServer(Server.Network.ListenControl()));
        Configuration = new GatewayConfiguration
        {
            PrivateKey = ByteString.FromBase64(privateKey),
            ListenPort = TestServer.Port,
            TunnelAddress = $"{Addresses.TunnelGateway}/24",
            UplinkAddress = $"{Addresses.UplinkGateway}/30",
            UplinkRouter = $"{Addresses.UplinkRouter}",
            ControlAddress = $"{Addresses.ControlGateway}/30",
            ControlTarget = $"{Addresses.ControlHypervisor}:{SafeAddresses.ControlPort}",
            InsideAddress = $"{Addresses.InsideGateway}/24",
            ControlPort = SafeAddresses.ControlPort,
            Peers =
            {
                new GatewayPeer { PublicKey = ByteString.FromBase64(Anna.PublicKey), Address = $"{Anna.Address}" },
                new GatewayPeer { PublicKey = ByteString.FromBase64(Bob.PublicKey), Address = $"{Bob.Address}" },
            },
        };
        Options = new GatewayGuestOptions
        {
            Tools = tools,
            Image = image,
            RunDirectory = Server.At("run"),
            EmptyNamespacePin = await Server.SpaceAsync("empty"),
            LogFile = Server.At("gateway.log"),
        };
        var begin = BootClock.Now;
        Guest = await GatewayGuest.StartAsync(Options, Server.Network, Configuration, TestContext.Current.CancellationToken);
        StartTook = BootClock.Now - begin;
        await Guest.OpenWaysAsync(WaysIn.ShellOnly);
        await Anna.ConnectAsync(gatewayKey, $"{TestServer.ServerAddress}:{TestServer.Port}", Addresses.Prefix, deviceMtu);
        await Bob.ConnectAsync(gatewayKey, $"192.0.3.1:{TestServer.Port}", Addresses.Prefix, deviceMtu);
    }

    /// <summary>Has the hypervisor's own bridges let everything through, until safed is restarted.</summary>
    public Task OpenBridgesAsync() => TestServer.NftAsync(Server.Plan.NamespacePin, """
        insert rule bridge safe spoofed accept
        insert rule bridge safe forward accept
        insert rule bridge safe input accept
        insert rule bridge safe output accept
        insert rule inet control input accept
        insert rule inet control output accept

        """);

    /// <summary>Leaves the gateway running and takes it up again, as a restarted safed does; the rules are made anew.</summary>
    public async Task RestartSafedAsync()
    {
        await Guest.DisposeAsync();
        await Server.RemakeNetworkAsync();
        Guest = await GatewayGuest.StartAsync(Options, Server.Network, Configuration, TestContext.Current.CancellationToken);
        await Guest.OpenWaysAsync(WaysIn.ShellOnly);
    }

    public async ValueTask DisposeAsync()
    {
        servers.ForEach(s => s.Dispose());
        foreach (var device in (TestDevice?[])[Anna, Bob])
        {
            if (device is not null)
            {
                await device.DisposeAsync();
            }
        }

        if (Guest is not null)
        {
            await Guest.StopAsync();
            await Guest.DisposeAsync();
        }
        else if (Options is not null)
        {
            await GatewayGuest.EndAsync(Options);
        }

        await Server.DisposeAsync();
    }
}

/// <summary>One scene for the tests of a class, made by the first that wants it.</summary>
public sealed class SharedScene : IAsyncDisposable
{
    private GatewayScene? scene;

    internal async Task<GatewayScene> SceneAsync() => scene ??= await GatewayScene.MakeAsync();

    public ValueTask DisposeAsync() => scene?.DisposeAsync() ?? ValueTask.CompletedTask;
}
