using System.Net;
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
        string added = Assert.Single(now.Split('\n').Except(routes.Split('\n')));
        Assert.StartsWith("10.77.16.0/20 dev sf", added, StringComparison.Ordinal);
        Assert.Contains("mtu 1200", await Tool.RunAsync("ip", ["link", "show", added.Split(' ')[2]], network: Pin(here)), StringComparison.Ordinal);

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
            string clock = Directory.GetFiles(safe.At("run"), ClockWitness.FileName, SearchOption.AllDirectories).Single(), kept = await File.ReadAllTextAsync(clock, Stop);
            string heard = await HeardAsync();
            await File.WriteAllTextAsync(clock, $"{long.Parse(kept, System.Globalization.CultureInfo.InvariantCulture) - 3_600_000}", Stop);
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

    /// <summary>Bytes that the gateway's WireGuard has taken from the device.</summary>
    private async Task<string> HeardAsync() => (await Tool.RunAsync("wg", ["show", Gateway, "transfer"], network: Pin(there))).Split('\t')[1];

    private static string Pin(string network) => $"/run/netns/{network}";

    private async Task ServeAsync()
    {
        var unclaimed = new FakeSafe(new byte[32]) { GatewayKey = WireGuardKey.PublicKey(key), Endpoint = "192.0.2.1:51820", FirstOwner = id };
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
