using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>
/// A server in a namespace of its own, a device outside it, and a safe's network on it. Hosts and gateway are namespaces whose
/// interfaces take the places of their taps: the rules go by the names.
/// </summary>
internal sealed class TestServer : IAsyncDisposable
{
    public const string ServerAddress = "192.0.2.1", DeviceAddress = "192.0.2.2", FurtherAddress = "198.51.100.1";
    public const int Port = 51820;
    private readonly string folder = $"/run/safes-test-{Guid.NewGuid():n}"[..24];
    private readonly List<string> pins = [];

    public NetworkPlan Plan { get; private init; } = null!;

    public SafeNetwork Network { get; private set; } = null!;

    public string Server => At("server");

    public string Device => At("device");

    /// <summary>A second device, on a link of its own.</summary>
    public string OtherDevice => At("other");

    public SafeAddresses Addresses => Plan.Addresses;

    private TestServer() => Plan = new(At("safe"), SafeAddresses.Parse("10.83.16.0/20"), UlaPrefix.Of(new byte[16]), Port) { ServerNamespacePin = At("server") };

    public static bool Possible => Unistd.EffectiveUser == 0;

    public static async Task<TestServer> StartAsync()
    {
        Assert.SkipUnless(Possible || Environment.GetEnvironmentVariable("CI") == "true", "needs root");
        var server = new TestServer();
        Directory.CreateDirectory(server.folder);
        await Tool.RunAsync("mount", ["--bind", server.folder, server.folder]);
        await Tool.RunAsync("mount", ["--make-private", server.folder]);
        await server.SpaceAsync("server");
        await IpAsync(server.Server, $"link set lo up\naddr add {FurtherAddress}/32 dev lo");
        await server.DeviceAsync("device", "outside", ServerAddress, DeviceAddress);
        await server.DeviceAsync("other", "outside2", "192.0.3.1", "192.0.3.2");
        return server;
    }

    private async Task DeviceAsync(string name, string link, string serverAddress, string deviceAddress)
    {
        string pin = await SpaceAsync(name);
        await IpAsync(Server, $"""
            link add {link} type veth peer name eth0 netns {pin}
            addr add {serverAddress}/24 dev {link}
            link set {link} addrgenmode none up
            """);
        await IpAsync(pin, $"""
            link set lo up
            addr add {deviceAddress}/24 dev eth0
            link set eth0 up
            route add default via {serverAddress}
            """);
    }

    public static async Task<TestServer> WithNetworkAsync()
    {
        var server = await StartAsync();
        try
        {
            server.Network = await SafeNetwork.CreateAsync(server.Plan);
            await server.Network.OpenWaysAsync(WaysIn.ShellOnly);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>As a restarted safed does.</summary>
    public async Task RemakeNetworkAsync()
    {
        Network.Dispose();
        Network = await SafeNetwork.CreateAsync(Plan);
    }

    public string At(string name) => Path.Combine(folder, name);

    public async Task<string> SpaceAsync(string name)
    {
        await NetworkNamespace.EnsureAsync(At(name));
        pins.Add(At(name));
        return At(name);
    }

    public static Task IpAsync(string pin, string commands) => Tool.RunAsync("ip", ["-batch", "-"], commands + "\n", pin);

    public static Task NftAsync(string pin, string rules) => Tool.RunAsync("nft", ["-f", "-"], rules, pin);

    /// <summary>A host's namespace with its port on the inside bridge.</summary>
    public async Task<string> HostAsync(int number, bool through = true)
    {
        var port = Network.Port(number);
        (await Network.OpenHostPortAsync(port)).Dispose();
        string pin = await SpaceAsync(port.Interface);
        await StandInAsync(port.Interface, "inside", pin, "eth0", port.Mac, $"{port.Address}/24");
        await IpAsync(pin, $"""
            route add default via {Addresses.InsideGateway}
            addr add {port.Address6}/64 dev eth0 nodad
            """);
        if (through)
        {
            await Network.LetThroughAsync(port);
        }

        return pin;
    }

    /// <summary>The gateway's namespace with its three interfaces, and devices' addresses of its own.</summary>
    public async Task<string> GatewayAsync(params int[] devices)
    {
        string pin = await SpaceAsync("gateway");
        // As a router asks: under its own address on that link, whoever's packet it is for.
        Sched.InNetwork(pin, () =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/conf/all/arp_announce", "2");
            return true;
        });
        await StandInAsync("gw-uplink", "uplink", pin, "eth0", GatewayPorts.UplinkMac, $"{Addresses.UplinkGateway}/30");
        await StandInAsync("gw-inside", "inside", pin, "eth2", GatewayPorts.InsideMac, $"{Addresses.InsideGateway}/24");
        await IpAsync(Plan.NamespacePin, "link delete control");
        await IpAsync(Plan.NamespacePin, $"""
            link add control type veth peer name eth1 netns {pin}
            addr add {Addresses.ControlHypervisor}/30 dev control
            link set control up
            """);
        await IpAsync(pin, $"""
            link set lo up
            link set eth1 address {GatewayPorts.ControlMac} up
            addr add {Addresses.ControlGateway}/30 dev eth1
            route add default via {Addresses.UplinkRouter}
            {string.Join('\n', devices.Select(d => $"addr add {Addresses.Device(d)}/32 dev lo"))}
            """);
        return pin;
    }

    /// <summary>True when a TCP connection from an address (or any) of a namespace to an open port comes about.</summary>
    public static async Task<bool> ReachesAsync(string pin, IPAddress? from, IPAddress to, int port, int fromPort = 0, int milliseconds = 700)
    {
        using var socket = Sched.InNetwork(pin, () => new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        using var limit = new CancellationTokenSource(milliseconds);
        // Outside what counts as unreachable: an attempt that could not even begin would prove nothing.
        Share(socket);
        socket.Bind(new IPEndPoint(from ?? (to.AddressFamily is AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any), fromPort));
        try
        {
            await socket.ConnectAsync(to, port, limit.Token);
            return true;
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            return false;
        }
    }

    public static Socket Listen(string pin, int port) => Sched.InNetwork(pin, () =>
    {
        var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        Share(socket);
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        socket.Listen(512);
        return socket;
    });

    /// <summary>For datagrams to and from an address.</summary>
    public static Socket Datagrams(string pin, IPAddress address, int port) => Sched.InNetwork(pin, () =>
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(address, port));
        return socket;
    });

    /// <summary>Whether one of some datagrams arrives: what needs no answer shows each way by itself.</summary>
    public static async Task<bool> PassesAsync(Socket from, Socket to, IPAddress address)
    {
        bool heard = false;
        for (int i = 0; i < 5 && !heard; i++)
        {
            await from.SendToAsync(new byte[] { 1 }, new IPEndPoint(address, ((IPEndPoint)to.LocalEndPoint!).Port));
            heard = await HearsAsync(to, 400);
        }

        return heard;
    }

    public static async Task<bool> HearsAsync(Socket socket, int milliseconds)
    {
        using var limit = new CancellationTokenSource(milliseconds);
        try
        {
            return await socket.ReceiveAsync(new byte[10], limit.Token) > 0;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    // SO_REUSEADDR and SO_REUSEPORT: an attempt may come from a port that is listened on, and be repeated at once.
    private static void Share(Socket socket)
    {
        foreach (int option in (int[])[2, 15])
        {
            socket.SetRawSocketOption(1, option, BitConverter.GetBytes(1));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Network?.Dispose();
        await SafeNetwork.RemoveAsync(Plan);
        foreach (string pin in pins)
        {
            await NetworkNamespace.RemoveAsync(pin);
        }

        await Tool.RunAsync("umount", [folder]);
        Directory.Delete(folder, recursive: true);
    }

    private async Task StandInAsync(string link, string bridge, string pin, string inner, string mac, string address)
    {
        if ((await Tool.RunAsync("ip", ["-o", "link", "show"], network: Plan.NamespacePin)).Contains($" {link}:", StringComparison.Ordinal))
        {
            await IpAsync(Plan.NamespacePin, $"link delete {link}");
        }

        await IpAsync(Plan.NamespacePin, $"""
            link add {link} type veth peer name {inner} netns {pin}
            link set {link} addrgenmode none master {bridge} up
            """);
        // No address of the link's own: hosts have none.
        await IpAsync(pin, $"""
            link set {inner} addrgenmode none address {mac} up
            addr add {address} dev {inner}
            """);
    }
}
