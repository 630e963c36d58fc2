using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>What an administrator of the server does to its rules, links and forwarding, while a watch looks after the safe's network.</summary>
[Trait("needs", "root")]
public class MendingTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(8);

    [Theory]
    [InlineData("all rules are flushed", "nft", "flush ruleset")]
    [InlineData("a rule of ours is taken out", "nft", "flush chain inet safes_83_16 input")]
    [InlineData("the link is deleted", "ip", "link delete safe-83-16")]
    [InlineData("the link is set down", "ip", "link set safe-83-16 down")]
    [InlineData("the link loses its address", "ip", "addr flush dev safe-83-16")]
    [InlineData("forwarding is switched off", "sysctl", "net/ipv4/conf/all/forwarding=0")]
    [InlineData("forwarding of the link is switched off", "sysctl", "net/ipv4/conf/safe-83-16/forwarding=0")]
    [InlineData("forwarding of the way in is switched off", "sysctl", "net/ipv4/conf/outside/forwarding=0")]
    [InlineData("sources are no longer looked at", "sysctl", "net/ipv4/conf/safe-83-16/rp_filter=0")]
    [InlineData("the proxy's rules are deleted", "nft", "delete table inet safes_83_16_world")]
    [InlineData("the proxy's link is deleted", "ip", "link delete world-83-16")]
    [InlineData("forwarding of the proxy's link is switched off", "sysctl", "net/ipv4/conf/world-83-16/forwarding=0")]
    public async Task What_is_taken_away_is_noticed_and_made_anew(string what, string tool, string change)
    {
        await using var server = await TestServer.WithNetworkAsync();
        await server.Network.OpenWorldAsync(new WorldPlan([server.Addresses.Host(10)], [443], [IPAddress.Parse("192.0.2.53")], ["10.0.0.0/8"]));
        // From the off: what is switched off is then a change.
        if (tool == "sysctl" && change.Contains("/all/", StringComparison.Ordinal))
        {
            Set(server, "net/ipv4/conf/all/forwarding", "1");
        }

        string gateway = await server.GatewayAsync();
        using var there = TestServer.Datagrams(gateway, server.Addresses.UplinkGateway, TestServer.Port);
        using var here = TestServer.Datagrams(server.Device, IPAddress.Parse(TestServer.DeviceAddress), 40000);
        var looks = new Looks();
        await using var watch = NetworkWatch.Start(server.Network, server.Server, looks.Add);
        await looks.UntilAsync(l => l.Failure is null);
        Assert.True(await TestServer.PassesAsync(here, there, IPAddress.Parse(TestServer.ServerAddress)), "before");
        string before = await LookAsync(server);

        looks.Forget();
        switch (tool)
        {
            case "nft":
                await TestServer.NftAsync(server.Server, change + "\n");
                break;
            case "ip":
                await TestServer.IpAsync(server.Server, change);
                break;
            default:
                Set(server, change.Split('=')[0], change.Split('=')[1]);
                break;
        }

        Assert.True(before != await LookAsync(server) || looks.Any(l => l.Mended != Missing.None), $"{what}: nothing was changed");
        await looks.UntilAsync(l => l.Mended != Missing.None && l.Failure is null);
        if (change.Contains("/all/", StringComparison.Ordinal))
        {
            Assert.Contains("\"outside\"", await LookAsync(server), StringComparison.Ordinal);    // guarded, now that it forwards for the safe alone
        }
        else
        {
            Assert.Equal(before, await LookAsync(server));
        }

        Assert.True(await TestServer.PassesAsync(here, there, IPAddress.Parse(TestServer.ServerAddress)), $"{what}: the device does not reach the gateway");
    }

    [Fact]
    public async Task While_the_rules_cannot_be_made_nothing_is_forwarded_and_then_they_come_before_it()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string gateway = await server.GatewayAsync();
        Set(server, "net/ipv4/conf/all/forwarding", "1");
        await server.Network.LookAfterAsync();
        // A hostile gateway that speaks as if it answered: with the rules gone it reaches the server's network by UDP from that port.
        using var hostile = TestServer.Datagrams(gateway, server.Addresses.UplinkGateway, TestServer.Port);
        using var victim = TestServer.Datagrams(server.Device, IPAddress.Parse(TestServer.DeviceAddress), 514);
        Assert.False(await TestServer.PassesAsync(hostile, victim, IPAddress.Parse(TestServer.DeviceAddress)));
        await TestServer.NftAsync(server.Server, "flush ruleset\n");
        Assert.True(await TestServer.PassesAsync(hostile, victim, IPAddress.Parse(TestServer.DeviceAddress)), "control");

        var looks = new Looks();
        using (await OwnerAsync(server.Server, PublicRules.Table(server.Addresses)))
        {
            await using var watch = NetworkWatch.Start(server.Network, server.Server, looks.Add);
            var look = await looks.UntilAsync(_ => true);
            Assert.IsType<ToolException>(look.Failure);
            Assert.False(Setting.IsForwarding(server.Server, "safe-83-16"));
            Assert.False(await TestServer.PassesAsync(hostile, victim, IPAddress.Parse(TestServer.DeviceAddress)), "the gateway reaches the server's network without rules");
        }

        await server.Network.LookAfterAsync();
        Assert.Null(server.Network.Condition.Failure);
        Assert.True(Setting.IsForwarding(server.Server, "safe-83-16"));
        Assert.False(await TestServer.PassesAsync(hostile, victim, IPAddress.Parse(TestServer.DeviceAddress)));
        using var device = TestServer.Datagrams(server.Device, IPAddress.Parse(TestServer.DeviceAddress), 40000);
        Assert.True(await TestServer.PassesAsync(device, hostile, IPAddress.Parse(TestServer.ServerAddress)));
    }

    [Fact]
    public async Task What_forwarded_for_the_safe_alone_is_shut_with_the_rules_and_known_after_a_restart()
    {
        await using var server = await TestServer.WithNetworkAsync();
        using var there = TestServer.Datagrams(server.OtherDevice, IPAddress.Parse("192.0.3.2"), 514);
        using var here = TestServer.Datagrams(server.Device, IPAddress.Parse(TestServer.DeviceAddress), 40000);
        var to = IPAddress.Parse("192.0.3.2");
        Assert.False(await TestServer.PassesAsync(here, there, to), "the server does not forward");
        await TestServer.NftAsync(server.Server, "flush ruleset\n");
        Assert.True(await TestServer.PassesAsync(here, there, to), "control: what was switched on for the safe");
        await server.Network.LookAfterAsync();
        Assert.False(await TestServer.PassesAsync(here, there, to));
        await TestServer.NftAsync(server.Server, "flush ruleset\n");
        await server.RemakeNetworkAsync();
        Assert.False(await TestServer.PassesAsync(here, there, to), "a restarted safed has forgotten what it switched on");
        await server.Network.RemoveAsync();
        Assert.False(Setting.IsForwarding(server.Server, "outside"));
    }

    [Fact]
    public async Task Forwarding_that_others_switch_on_later_is_theirs()
    {
        await using var server = await TestServer.WithNetworkAsync();
        var looks = new Looks();
        await using var watch = NetworkWatch.Start(server.Network, server.Server, looks.Add);
        await looks.UntilAsync(l => l.Failure is null);
        using var there = TestServer.Datagrams(server.OtherDevice, IPAddress.Parse("192.0.3.2"), 514);
        using var here = TestServer.Datagrams(server.Device, IPAddress.Parse(TestServer.DeviceAddress), 40000);
        Assert.False(await TestServer.PassesAsync(here, there, IPAddress.Parse("192.0.3.2")));
        looks.Forget();
        Set(server, "net/ipv4/ip_forward", "1");
        await looks.UntilAsync(l => l.Mended.HasFlag(Missing.Leave) && l.Failure is null);
        Assert.True(await TestServer.PassesAsync(here, there, IPAddress.Parse("192.0.3.2")));

        // One link that an administrator has switched off by itself stays guarded while the safe uses it.
        Set(server, "net/ipv4/conf/outside/forwarding", "0");
        await server.Network.LookAfterAsync();
        await server.Network.LookAfterAsync();
        Assert.False(await TestServer.PassesAsync(here, there, IPAddress.Parse("192.0.3.2")));
        await server.Network.RemoveAsync();
        Assert.Equal("1", Setting.Read(server.Server, "net/ipv4/ip_forward"));
        Assert.False(Setting.IsForwarding(server.Server, "outside"));
        Assert.True(Setting.IsForwarding(server.Server, "outside2"));
    }

    [Fact]
    public async Task A_network_that_nobody_touches_is_left_alone()
    {
        await using var server = await TestServer.WithNetworkAsync();
        await server.Network.OpenWorldAsync(new WorldPlan([server.Addresses.Host(10), server.Addresses.Host(11)], [80, 443], [IPAddress.Parse("192.0.2.53")], ["10.0.0.0/8", "192.168.0.0/16"]));
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(new NetworkCondition(Missing.None, null, []), await server.Network.LookAfterAsync() with { Obstacles = [] });
        }

        await server.RemakeNetworkAsync();
        Assert.Equal(Missing.None, (await server.Network.LookAfterAsync()).Mended);
    }

    private static void Set(TestServer server, string setting, string value) => Setting.Write(server.Server, setting, value);

    // A table that a running program has as its own: nobody else may change it.
    private static async Task<IDisposable> OwnerAsync(string pin, string table)
    {
        var feed = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out, HandleInheritability.None);
        var owner = Child.Start(new ChildStart("nft", ["-i"]) { Input = feed.ClientSafePipeHandle, NetworkNamespace = pin });
        feed.DisposeLocalCopyOfClientHandle();
        await feed.WriteAsync(System.Text.Encoding.UTF8.GetBytes($"add table {table} {{ flags owner; }}\n"));
        await feed.FlushAsync();
        for (int i = 0; i < 100 && await Nft.ListAsync(pin, table) is null; i++)
        {
            await Task.Delay(50);
        }

        return new Owner(owner, feed);
    }

    private static async Task<string> LookAsync(TestServer server)
    {
        string links = await Tool.RunAsync("ip", ["-o", "-4", "addr", "show", "up"], network: server.Server);
        links = string.Join('\n', links.Split('\n').Where(l => l.Length > 0).Select(l => l[(l.IndexOf(':', StringComparison.Ordinal) + 1)..]).Order());
        string rules = await Tool.RunAsync("nft", ["-s", "list", "ruleset"], network: server.Server);
        rules = string.Join("\n\n", rules.Split("\ntable ").Select(t => t.Trim()).Select(t => t.StartsWith("table ", StringComparison.Ordinal) ? t[6..] : t).Order());
        string forwarding = Sched.InNetwork(server.Server, () => string.Join(' ', Directory.GetDirectories("/proc/sys/net/ipv4/conf").Order()
            .Select(d => $"{Path.GetFileName(d)}={File.ReadAllText(Path.Combine(d, "forwarding")).Trim()}{File.ReadAllText(Path.Combine(d, "rp_filter")).Trim()}")));
        return $"{links}\n{rules}\n{forwarding}";
    }

    private sealed record Owner(Child Child, IDisposable Feed) : IDisposable
    {
        public void Dispose()
        {
            Feed.Dispose();
            Child.KillGroup();
            Child.Exited.GetAwaiter().GetResult();
            Child.Dispose();
        }
    }

    /// <summary>What the watch has seen so far.</summary>
    private sealed class Looks
    {
        private readonly List<NetworkCondition> looks = [];
        private readonly SemaphoreSlim more = new(0);

        public void Add(NetworkCondition look)
        {
            lock (looks)
            {
                looks.Add(look);
            }

            more.Release();
        }

        public void Forget()
        {
            lock (looks)
            {
                looks.Clear();
            }
        }

        public bool Any(Func<NetworkCondition, bool> wanted)
        {
            lock (looks)
            {
                return looks.Any(wanted);
            }
        }

        public async Task<NetworkCondition> UntilAsync(Func<NetworkCondition, bool> wanted)
        {
            using var limit = new CancellationTokenSource(Soon);
            while (true)
            {
                lock (looks)
                {
                    if (looks.FirstOrDefault(wanted) is { } found)
                    {
                        return found;
                    }
                }

                await more.WaitAsync(limit.Token);
            }
        }
    }
}
