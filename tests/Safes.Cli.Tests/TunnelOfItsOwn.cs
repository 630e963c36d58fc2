using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Safes.Client.Tests.Fake;
using Safes.Client.Tunnel;
using Safes.Keys;
using Safes.Linux;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Cli.Tests;

/// <summary>
/// The real program makes a real WireGuard tunnel from one network namespace to another, whose other end a WireGuard of the test
/// keeps in the gateway's place.
/// </summary>
[Trait("needs", "root")]
public sealed class TunnelOfItsOwn : IAsyncLifetime
{
    private const string Password = "correct horse battery", Gateway = "sfgw0";

    private readonly string there = $"safe-gw-{Environment.ProcessId}", here = $"safe-dev-{Environment.ProcessId}";
    private readonly SecretBuffer key = WireGuardKey.New();
    private bool made;
    private SafeProgram safe = null!;
    private FakeServer server = null!;
    private IdFile id = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(Unistd.EffectiveUser == 0 && File.Exists("/dev/net/tun"), "needs root and tun devices");
        }

        made = true;
        await Tool.RunAsync("ip", ["netns", "add", there]);
        await Tool.RunAsync("ip", ["netns", "add", here]);
        await Tool.RunAsync("ip", ["link", "add", "road", "netns", here, "type", "veth", "peer", "name", "road", "netns", there]);
        await Tool.RunAsync("ip", ["-batch", "-"], "address add 192.0.2.1/30 dev road\nlink set road up\nlink set lo up\n", Pin(there));
        await Tool.RunAsync("ip", ["-batch", "-"], "address add 192.0.2.2/30 dev road\nlink set road up\nlink set lo up\n", Pin(here));
        safe = new SafeProgram { Network = Pin(here) };
        await safe.RunAsync(["id", "--name", "anna", "--device", "laptop", "--out", safe.At("anna.safeid")]);
        id = IdFile.Parse(await File.ReadAllTextAsync(safe.At("anna.safeid")));
    }

    public async ValueTask DisposeAsync()
    {
        if (made)
        {
            await Tool.TryAsync("ip", ["link", "delete", Gateway], network: Pin(there));
            await Tool.TryAsync("ip", ["netns", "delete", there]);
            await Tool.TryAsync("ip", ["netns", "delete", here]);
            safe?.Dispose();
            if (server is not null)
            {
                await server.DisposeAsync();
            }
        }

        key.Dispose();
    }

    [Fact(Timeout = 240_000)]
    public async Task It_is_made_for_the_session_survives_the_gateway_and_goes_with_the_session()
    {
        await GatewayUpAsync();
        await ServeAsync();
        string routes = await Tool.RunAsync("ip", ["route"], network: Pin(here));
        var joined = await safe.RunAsync(["join", safe.At("ledger.safeaddress"), "--yes"], Password);
        Assert.True(joined.Exit == 0, joined.Output + joined.Error);
        Assert.Equal(routes, await Tool.RunAsync("ip", ["route"], network: Pin(here)));

        var opened = await safe.RunAsync(["open"], Password);
        Assert.True(opened.Exit == 0, opened.Output + opened.Error);
        string now = await Tool.RunAsync("ip", ["route"], network: Pin(here));
        string[] added = [.. now.Split('\n').Except(routes.Split('\n')).Order(StringComparer.Ordinal)];
        Assert.Equal(2, added.Length);
        Assert.StartsWith("10.77.16.1 dev sf", added[0], StringComparison.Ordinal);
        Assert.StartsWith("10.77.17.0/24 dev sf", added[1], StringComparison.Ordinal);
        Assert.Contains("mtu 1200", await Tool.RunAsync("ip", ["link", "show", added[0].Split(' ')[2]], network: Pin(here)), StringComparison.Ordinal);

        // The gateway dies and comes back without a memory of anybody.
        await Tool.RunAsync("ip", ["link", "delete", Gateway], network: Pin(there));
        await GatewayUpAsync();
        var begun = BootClock.Now;
        while (server.Safe.Resumes == 0)
        {
            await Task.Delay(100, Stop);
        }

        Assert.InRange((BootClock.Now - begun).TotalSeconds, 0, 20);
        Assert.Equal(0, (await safe.RunAsync(["leave"])).Exit);
        Assert.Equal(routes, await Tool.RunAsync("ip", ["route"], network: Pin(here)));
        Assert.DoesNotContain("sf", await Tool.RunAsync("ip", ["-o", "link"], network: Pin(here)), StringComparison.Ordinal);

        // Without session and tunnel it can still be told whether the gateway is there: a real WireGuard takes the probe's handshake.
        var status = await safe.RunAsync(["status"]);
        Assert.Contains("its gateway answers now: the server is there", status.Output, StringComparison.Ordinal);
        Assert.Contains("last seen just now", status.Output, StringComparison.Ordinal);
        // Unless the clock was set since it last agreed with the server's: then the gateway is shown nothing of it.
        if (!Timex.IsSynchronised)
        {
            string clock = Directory.GetFiles(safe.At(".config"), ClockWitness.FileName, SearchOption.AllDirectories).Single(), kept = await File.ReadAllTextAsync(clock, Stop);
            string heard = await HeardAsync();
            await File.WriteAllTextAsync(clock, $"{long.Parse(kept.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture) - 3_600_000} {kept.Split(' ')[1]}", Stop);
            Assert.Contains("its gateway was not asked: this device's clock may be wrong", (await safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
            Assert.Contains("was not asked", (await safe.RunAsync(["doctor"])).Output, StringComparison.Ordinal);
            Assert.Equal(heard, await HeardAsync());
            await File.WriteAllTextAsync(clock, kept, Stop);
            Assert.Contains("its gateway answers now", (await safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
            Assert.NotEqual(heard, await HeardAsync());
        }

        await Tool.RunAsync("ip", ["link", "delete", Gateway], network: Pin(there));
        Assert.Contains("no answer from 192.0.2.1:51820 now", (await safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("sf", await Tool.RunAsync("ip", ["-o", "link"], network: Pin(here)), StringComparison.Ordinal);
    }

    [Fact(Timeout = 240_000)]
    public async Task Nothing_comes_out_of_the_tunnel_that_the_device_did_not_begin_and_rules_that_are_taken_away_are_made_anew()
    {
        await GatewayUpAsync();
        await ServeAsync();
        await safe.RunAsync(["join", safe.At("ledger.safeaddress"), "--yes"], Password);
        var opened = await safe.RunAsync(["open"], Password);
        Assert.True(opened.Exit == 0, opened.Output + opened.Error);
        string tunnel = (await Tool.RunAsync("ip", ["-o", "link"], network: Pin(here))).Split('\n').Select(l => l.Split(": ")).Single(f => f.Length > 1 && f[1].StartsWith("sf", StringComparison.Ordinal))[1];

        // The hostile gateway has the addresses of gateway and hosts, and sends to all that the device has, by IPv6 (for which
        // our own tunnel is too narrow) and to what lies behind it, too.
        await Tool.RunAsync("ip", ["-batch", "-"], $"link set {Gateway} mtu 1280\naddress add 10.77.17.10/32 dev {Gateway}\naddress add fd00:77::1/64 dev {Gateway} nodad\nroute add 192.0.2.2/32 dev {Gateway}\nroute add 198.51.100.0/24 dev {Gateway}\n", Pin(there));
        await Tool.RunAsync("ip", ["-batch", "-"], $"link set {tunnel} mtu 1280\naddress add fd00:77::2/64 dev {tunnel} nodad\naddress add 198.51.100.1/24 dev lo\n", Pin(here));
        string peer = Convert.ToBase64String(id.Identity.WireGuardKey), server64 = Convert.ToBase64String(WireGuardKey.PublicKey(key));
        await Tool.RunAsync("wg", ["set", Gateway, "peer", peer, "allowed-ips", "10.77.16.2/32,198.51.100.0/24,fd00:77::2/128"], network: Pin(there));
        using var listeners = new Listeners(Pin(here));
        Assert.Equal("", await TriedAsync(listeners));

        // The control: the same attempts, with the rules gone, arrive. The table is back by itself within seconds, and doctor sees it.
        Assert.Contains("nothing comes out of", (await safe.RunAsync(["doctor"])).Output, StringComparison.Ordinal);
        await Tool.RunAsync("wg", ["set", tunnel, "peer", server64, "allowed-ips", "10.77.16.1/32,10.77.17.0/24,fd00:77::1/128"], network: Pin(here));
        Assert.Equal("", await TriedAsync(listeners));
        string open = "";
        while (open != "tcp udp icmp tcp6 behind")
        {
            await Tool.RunAsync("nft", ["flush", "ruleset"], network: Pin(here));
            open = await TriedAsync(listeners);
            Assert.False(Stop.IsCancellationRequested, open);
        }

        while ((await Tool.TryAsync("nft", ["list", "table", "inet", $"safes_{tunnel}"], network: Pin(here))).Exit != 0)
        {
            await Task.Delay(100, Stop);
        }

        Assert.Equal("", await TriedAsync(listeners));
        Assert.Contains("open since", (await safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await safe.RunAsync(["leave"])).Exit);
        Assert.Equal("", await Tool.RunAsync("nft", ["list", "tables"], network: Pin(here)));
    }

    [Fact(Timeout = 240_000)]
    public async Task A_session_that_ends_takes_no_tunnel_away_that_another_made_in_its_place()
    {
        await GatewayUpAsync();
        await ServeAsync();
        await safe.RunAsync(["join", safe.At("ledger.safeaddress"), "--yes"], Password);
        Assert.Equal(0, (await safe.RunAsync(["open"], Password)).Exit);
        string tunnel = (await Tool.RunAsync("ip", ["-o", "link"], network: Pin(here))).Split('\n').Select(l => l.Split(": ")).Single(f => f.Length > 1 && f[1].StartsWith("sf", StringComparison.Ordinal))[1];
        await Tool.RunAsync("ip", ["link", "delete", tunnel], network: Pin(here));
        await Tool.RunAsync("ip", ["link", "add", tunnel, "type", "veth", "peer", "name", "other"], network: Pin(here));
        server.Safe.Challenges.Writer.TryWrite(new() { Ended = new() { Reason = "replaced" } });
        var left = await safe.RunAsync(["leave"]);
        while ((await safe.RunAsync(["status", "--json"])).Output.Contains("\"held\":true", StringComparison.Ordinal))
        {
            await Task.Delay(100, Stop);
        }

        Assert.Contains(tunnel, await Tool.RunAsync("ip", ["-o", "link"], network: Pin(here)), StringComparison.Ordinal);
    }

    /// <summary>What of a hostile gateway's attempts arrived at the device.</summary>
    private async Task<string> TriedAsync(Listeners at)
    {
        var arrived = new List<string>();
        foreach (var (name, arrives) in (IEnumerable<(string, Func<Task<bool>>)>)
        [
            ("tcp", async () => await ConnectsAsync("10.77.16.2", at.Port) || await ConnectsAsync("10.77.16.2", at.Port, from: "10.77.17.10")),
            ("udp", async () => await at.HearsAsync(() => Sched.InNetwork(Pin(there), () =>
            {
                using var socket = new UdpClient(AddressFamily.InterNetwork);
                return socket.Send("x"u8, new IPEndPoint(IPAddress.Parse("10.77.16.2"), at.Port));
            }))),
            ("icmp", () => Task.Run(() => Sched.InNetwork(Pin(there), () =>
            {
                using var ping = new Ping();
                return ping.Send(IPAddress.Parse("10.77.16.2"), 700).Status == IPStatus.Success;
            }))),
            ("tcp6", () => ConnectsAsync("fd00:77::2", at.Port)),
            ("behind", () => ConnectsAsync("198.51.100.1", at.Port)),
        ])
        {
            if (await arrives())
            {
                arrived.Add(name);
            }
        }

        return string.Join(' ', arrived);
    }

    private async Task<bool> ConnectsAsync(string to, int port, string? from = null)
    {
        var address = IPAddress.Parse(to);
        using var socket = Sched.InNetwork(Pin(there), () => new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        using var time = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        time.CancelAfter(TimeSpan.FromMilliseconds(700));
        try
        {
            if (from is not null)
            {
                socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
            }

            await socket.ConnectAsync(address, port, time.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Services of the device's own, on all of its addresses.</summary>
    private sealed class Listeners : IDisposable
    {
        private readonly Socket tcp, udp;

        public Listeners(string network) => (tcp, udp) = Sched.InNetwork(network, () =>
        {
            var stream = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
            stream.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));
            stream.Listen();
            var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 700 };
            datagrams.Bind(new IPEndPoint(IPAddress.Any, ((IPEndPoint)stream.LocalEndPoint!).Port));
            return (stream, datagrams);
        });

        public int Port => ((IPEndPoint)tcp.LocalEndPoint!).Port;

        public async Task<bool> HearsAsync(Action send)
        {
            send();
            return await Task.Run(() => udp.Poll(TimeSpan.FromMilliseconds(700), SelectMode.SelectRead) && udp.Receive(new byte[10]) == 1);
        }

        public void Dispose()
        {
            tcp.Dispose();
            udp.Dispose();
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_gateway_that_does_not_answer_is_told_as_such_and_leaves_nothing_behind()
    {
        await ServeAsync();
        var joined = await safe.RunAsync(["join", safe.At("ledger.safeaddress"), "--yes"], Password);
        Assert.Equal(20, joined.Exit);
        Assert.Contains("no handshake with 192.0.2.1:51820 for 10 s  [no-tunnel]", joined.Error, StringComparison.Ordinal);
        Assert.Contains("your password was not asked", joined.Error, StringComparison.Ordinal);
        Assert.Contains("wait tunnel", joined.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("sf", await Tool.RunAsync("ip", ["-o", "link"], network: Pin(here)), StringComparison.Ordinal);
    }

    [Fact(Timeout = 120_000)]
    public async Task Of_a_server_with_several_addresses_each_is_tried_and_first_those_that_a_way_leads_to()
    {
        await GatewayUpAsync();
        await ServeAsync("gateway.example:51820");
        await Tool.RunAsync("ip", ["address", "add", "2001:db8::1/64", "dev", "road", "nodad"], network: Pin(there));
        await Tool.RunAsync("ip", ["address", "add", "2001:db8::2/64", "dev", "road", "nodad"], network: Pin(here));
        safe.HostsFile = safe.At("hosts");

        // A way leads there, and nobody answers.
        await Tool.RunAsync("ip", ["route", "add", "198.51.100.0/24", "via", "192.0.2.1"], network: Pin(here));
        await File.WriteAllTextAsync(safe.HostsFile, "198.51.100.7 gateway.example\n2001:db8::1 gateway.example\n", Stop);
        var joined = await safe.RunAsync(["join", safe.At("ledger.safeaddress"), "--yes"], Password);
        Assert.True(joined.Exit == 0, joined.Output + joined.Error);

        // A device without IPv4 does not wait for it.
        await Tool.RunAsync("ip", ["address", "flush", "dev", "road", "scope", "global"], network: Pin(here));
        await Tool.RunAsync("ip", ["address", "add", "2001:db8::2/64", "dev", "road", "nodad"], network: Pin(here));
        var opened = await safe.RunAsync(["open"], Password);
        Assert.True(opened.Exit == 0, opened.Output + opened.Error);
        string endpoints = await Tool.RunAsync("wg", ["show", "all", "endpoints"], network: Pin(here));
        Assert.Contains("[2001:db8::1]:51820", endpoints, StringComparison.Ordinal);
        Assert.Equal(0, (await safe.RunAsync(["leave"])).Exit);
    }

    /// <summary>Bytes that the gateway's WireGuard has taken from the device.</summary>
    private async Task<string> HeardAsync() => (await Tool.RunAsync("wg", ["show", Gateway, "transfer"], network: Pin(there))).Split('\t')[1];

    private static string Pin(string network) => $"/run/netns/{network}";

    private async Task ServeAsync(string endpoint = "192.0.2.1:51820")
    {
        var unclaimed = new FakeSafe(new byte[32]) { GatewayKey = WireGuardKey.PublicKey(key), Endpoint = endpoint, FirstOwner = id };
        server = await FakeServer.StartAsync(unclaimed, () => Sched.InNetwork(Pin(there), () =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Any, 7788));
            socket.Listen();
            return socket;
        }));
        await File.WriteAllTextAsync(safe.At("ledger.safeaddress"), unclaimed.AddressFor(id.Identity.Device, 0).Write(), Stop);
    }

    private async Task GatewayUpAsync()
    {
        if ((await Tool.TryAsync("ip", ["link", "add", Gateway, "type", "wireguard"], network: Pin(there))).Exit != 0)
        {
            using var program = Child.Start(new ChildStart("wireguard-go", [Gateway]) { NetworkNamespace = Pin(there) });
            Assert.Equal(0, await program.WaitAsync(TimeSpan.FromSeconds(10)));
        }

        string private64;
        using (var bytes = key.Borrow())
        {
            private64 = Convert.ToBase64String(bytes.Span);
        }

        string configuration =
            $"[Interface]\nPrivateKey = {private64}\nListenPort = 51820\n[Peer]\nPublicKey = {Convert.ToBase64String(id.Identity.WireGuardKey)}\nAllowedIPs = 10.77.16.2/32\n";
        await Tool.RunAsync("wg", ["setconf", Gateway, "/dev/stdin"], configuration, Pin(there));
        await Tool.RunAsync("ip", ["-batch", "-"], $"address add 10.77.16.1/24 dev {Gateway}\nlink set {Gateway} mtu 1200 up\n", Pin(there));
    }
}
