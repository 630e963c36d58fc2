using System.Net;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>What a host sends that is not its own gets nowhere. Each frame is seen to arrive once the rules are taken away.</summary>
[Trait("needs", "root")]
public class SpoofingTests
{
    private const string Broadcast = "ff:ff:ff:ff:ff:ff";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_host_sends_under_its_own_names_only()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string one = await server.HostAsync(10), two = await server.HostAsync(11);
        HostPort own = server.Network.Port(10), other = server.Network.Port(11);
        var gateway = server.Addresses.InsideGateway;
        (string What, byte[] Frame)[] frames =
        [
            ("false IPv4", Frame.Udp("false IPv4", own.Mac, other.Mac, server.Addresses.Host(12), other.Address, 9)),
            ("the gateway's IPv4", Frame.Udp("the gateway's IPv4", own.Mac, other.Mac, gateway, other.Address, 9)),
            ("a device's IPv4", Frame.Udp("a device's IPv4", own.Mac, other.Mac, server.Addresses.Device(0), other.Address, 9)),
            ("false MAC", Frame.Udp("false MAC", "52:54:00:53:01:99", other.Mac, own.Address, other.Address, 9)),
            ("the gateway's MAC", Frame.Udp("the gateway's MAC", GatewayPorts.InsideMac, other.Mac, own.Address, other.Address, 9)),
            ("false sender in ARP", Frame.Arp("false sender in ARP", own.Mac, Broadcast, own.Mac, gateway, other.Address)),
            ("false MAC in ARP", Frame.Arp("false MAC in ARP", own.Mac, Broadcast, GatewayPorts.InsideMac, own.Address, other.Address)),
            ("false frame of ARP", Frame.Arp("false frame of ARP", GatewayPorts.InsideMac, Broadcast, own.Mac, own.Address, other.Address)),
            ("IPv6", Frame.IPv6("IPv6", own.Mac, other.Mac, 17)),
            ("router advertisement", Frame.IPv6("router advertisement", own.Mac, Broadcast, 58)),
            ("DHCP offer", Frame.Udp("DHCP offer", own.Mac, other.Mac, own.Address, other.Address, 67)),
            ("VLAN", Frame.Tagged(Frame.Udp("VLAN", own.Mac, other.Mac, own.Address, other.Address, 9))),
        ];
        byte[] honest = Frame.Udp("honest", own.Mac, other.Mac, own.Address, other.Address, 9);
        using var sender = RawLink.Open(one, "eth0");
        using var receiver = RawLink.Open(two, "eth0");

        foreach (var (_, frame) in frames)
        {
            sender.Send(frame);
        }

        sender.Send(honest);
        Assert.Equal(["honest"], await receiver.HearUntilAsync("honest", Limit));
        var counted = (await server.Network.CountAsync([10]))[10];
        Assert.True(counted.Spoofed >= (ulong)frames.Length - 1 && counted.Refused >= 1, $"{counted}");     // that of DHCP is refused a step later
        string learned = await Tool.RunAsync("bridge", ["fdb", "show", "dev", "h10"], network: server.Plan.NamespacePin);
        Assert.Contains(own.Mac, learned, StringComparison.Ordinal);
        Assert.DoesNotContain(GatewayPorts.InsideMac, learned, StringComparison.Ordinal);

        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table bridge safe\n");
        foreach (var (_, frame) in frames)
        {
            sender.Send(frame);
        }

        sender.Send(honest);
        Assert.Equal([.. frames.Select(f => f.What), "honest"], await receiver.HearUntilAsync("honest", Limit));
    }

    [Fact]
    public async Task A_host_sends_under_its_own_ipv6_names_only_and_is_nobodys_router()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string one = await server.HostAsync(10), two = await server.HostAsync(11);
        HostPort own = server.Network.Port(10), other = server.Network.Port(11);
        var third = server.Network.Port(12).Address6;
        var all = IPAddress.Parse("ff02::1");
        byte[] Message(string what, byte type, IPAddress? about = null, IPAddress? from = null, string? mac = null) =>
            Frame.Icmp6(what, mac ?? own.Mac, other.Mac, from ?? own.Address6, other.Address6, type, about);
        (string What, byte[] Frame)[] frames =
        [
            ("false IPv6", Frame.Udp6("false IPv6", own.Mac, other.Mac, third, other.Address6, 9)),
            ("false MAC under IPv6", Frame.Udp6("false MAC under IPv6", "52:54:00:53:01:99", other.Mac, own.Address6, other.Address6, 9)),
            ("a link's own address", Frame.Udp6("a link's own address", own.Mac, other.Mac, IPAddress.Parse("fe80::1"), other.Address6, 9)),
            ("solicitation as another", Message("solicitation as another", 135, other.Address6, from: third)),
            ("another's address claimed", Message("another's address claimed", 136, third)),
            ("the reader's address claimed", Message("the reader's address claimed", 136, other.Address6)),
            ("an address outside claimed", Message("an address outside claimed", 136, IPAddress.Parse("2001:db8::a"))),
            ("router solicitation", Message("router solicitation", 133)),
            ("router advertisement", Message("router advertisement", 134)),
            ("redirect", Message("redirect", 137, third)),
            ("multicast listener report", Message("multicast listener report", 143)),
            ("router renumbering", Message("router renumbering", 138)),
            ("DHCPv6", Frame.Udp6("DHCPv6", own.Mac, other.Mac, own.Address6, other.Address6, 546)),
            ("DHCPv6 of a server", Frame.Udp6("DHCPv6 of a server", own.Mac, other.Mac, own.Address6, other.Address6, 547)),
            ("behind options for each hop", Frame.Hidden6("behind options for each hop", own.Mac, other.Mac, own.Address6, all, 0)),
            ("in a fragment", Frame.Hidden6("in a fragment", own.Mac, other.Mac, own.Address6, all, 44)),
            ("behind options", Frame.Hidden6("behind options", own.Mac, other.Mac, own.Address6, all, 60)),
        ];
        (string What, byte[] Frame)[] honest =
        [
            ("own address claimed", Message("own address claimed", 136, own.Address6)),
            ("solicitation", Message("solicitation", 135, other.Address6)),
            ("honest", Frame.Udp6("honest", own.Mac, other.Mac, own.Address6, other.Address6, 9)),
        ];
        using var sender = RawLink.Open(one, "eth0");
        using var receiver = RawLink.Open(two, "eth0");
        foreach (var (_, frame) in frames.Concat(honest))
        {
            sender.Send(frame);
        }

        Assert.Equal(honest.Select(h => h.What), await receiver.HearUntilAsync("honest", Limit));
        Assert.True((await server.Network.CountAsync([10]))[10].Spoofed >= (ulong)frames.Length);

        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table bridge safe\n");
        foreach (var (_, frame) in frames.Concat(honest))
        {
            sender.Send(frame);
        }

        Assert.Equal([.. frames.Select(f => f.What), .. honest.Select(h => h.What)], await receiver.HearUntilAsync("honest", Limit));
    }

    [Fact]
    public async Task A_cut_port_lets_nothing_through_and_a_let_through_one_does()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string one = await server.HostAsync(10), two = await server.HostAsync(11), three = await server.HostAsync(12);
        HostPort a = server.Network.Port(10), b = server.Network.Port(11), c = server.Network.Port(12);
        using var fromA = RawLink.Open(one, "eth0");
        using var fromC = RawLink.Open(three, "eth0");
        using var atB = RawLink.Open(two, "eth0");
        void Send(string text)
        {
            fromA.Send(Frame.Udp($"a {text}", a.Mac, b.Mac, a.Address, b.Address, 9));
            fromA.Send(Frame.Arp($"arp {text}", a.Mac, Broadcast, a.Mac, a.Address, b.Address));
            fromC.Send(Frame.Udp($"c {text}", c.Mac, b.Mac, c.Address, b.Address, 9));
        }

        await server.Network.CutAsync(a);
        Send("cut");
        Assert.Equal(["c cut"], await atB.HearUntilAsync("c cut", Limit));
        await server.Network.LetThroughAsync(a);
        Send("through");
        Assert.Equal(["a through", "arp through", "c through"], await atB.HearUntilAsync("c through", Limit));
        await server.Network.CutAllAsync();
        Send("all cut");
        await server.Network.LetThroughAsync(a, b, c);
        Send("end");
        Assert.Equal(["a end", "arp end", "c end"], await atB.HearUntilAsync("c end", Limit));
        await server.Network.ForgetAsync(a);
        Send("forgotten");
        Assert.Equal(["c forgotten"], await atB.HearUntilAsync("c forgotten", Limit));
    }
}
