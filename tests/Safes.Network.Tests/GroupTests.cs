using System.Net;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>Which hosts reach which, by IPv4 and IPv6 with the kernel's own neighbours.</summary>
[Trait("needs", "root")]
public class GroupTests
{
    [Fact]
    public async Task Hosts_of_different_groups_do_not_reach_each_other_and_those_in_none_reach_those_in_none()
    {
        await using var server = await TestServer.WithNetworkAsync();
        int[] numbers = [10, 11, 12, 13, 14];
        var pins = new Dictionary<int, string>();
        var listeners = new List<Socket>();
        foreach (int number in numbers)
        {
            pins[number] = await server.HostAsync(number);
            listeners.Add(TestServer.Listen(pins[number], 8000));
        }

        Assert.Equal("", await DiffersAsync((_, _) => true));      // freely, as long as nobody says otherwise
        int GroupOf(int number) => number switch { 10 or 11 => 1, 12 => 2, _ => 0 };
        await server.Network.GroupAsync([[server.Network.Port(10), server.Network.Port(11)], [server.Network.Port(12)]]);
        Assert.Equal("", await DiffersAsync((a, b) => GroupOf(a) == GroupOf(b)));
        Assert.True((await server.Network.CountAsync([10]))[10].Refused > 0);
        await server.RemakeNetworkAsync();
        Assert.Equal("", await DiffersAsync((a, b) => GroupOf(a) == GroupOf(b)));      // a restarted safed
        await server.Network.GroupAsync([]);
        Assert.Equal("", await DiffersAsync((_, _) => true));
        listeners.ForEach(l => l.Dispose());

        async Task<string> DiffersAsync(Func<int, int, bool> expected)
        {
            var pairs = numbers.SelectMany(a => numbers.Where(b => b != a).Select(b => (From: a, To: b))).ToArray();
            var wrong = await Task.WhenAll(pairs.Select(async p =>
                await IsAsync(expected(p.From, p.To), p.From, server.Network.Port(p.To).Address) &&
                await IsAsync(expected(p.From, p.To), p.From, server.Network.Port(p.To).Address6) ? "" : $"{p.From}-{p.To} "));
            return string.Concat(wrong);
        }

        async Task<bool> IsAsync(bool expected, int from, IPAddress to) =>
            await TestServer.ReachesAsync(pins[from], null, to, 8000, milliseconds: expected ? 10_000 : 1500) == expected;
    }

    /// <summary>A connection fails where either way is cut; what needs no answer shows each way by itself.</summary>
    [Fact]
    public async Task Not_even_a_datagram_passes_between_a_host_in_a_group_and_one_in_none()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string grouped = await server.HostAsync(10), free = await server.HostAsync(11);
        using var atGrouped = TestServer.Datagrams(grouped, server.Network.Port(10).Address6, 9000);
        using var atFree = TestServer.Datagrams(free, server.Network.Port(11).Address6, 9000);
        Assert.Equal((true, true), (await TestServer.PassesAsync(atFree, atGrouped, server.Network.Port(10).Address6), await TestServer.PassesAsync(atGrouped, atFree, server.Network.Port(11).Address6)));    // and the neighbours are known
        await server.Network.GroupAsync([[server.Network.Port(10)]]);
        Assert.Equal((false, false), (await TestServer.PassesAsync(atFree, atGrouped, server.Network.Port(10).Address6), await TestServer.PassesAsync(atGrouped, atFree, server.Network.Port(11).Address6)));
    }

    [Fact]
    public async Task The_last_host_that_has_a_number_reaches_others_like_any()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string last = await server.HostAsync(254);
        string middle = await server.HostAsync(128);
        using var atLast = TestServer.Listen(last, 8000);
        using var atMiddle = TestServer.Listen(middle, 8000);
        Assert.True(await TestServer.ReachesAsync(middle, null, server.Network.Port(254).Address6, 8000, milliseconds: 10_000));
        Assert.True(await TestServer.ReachesAsync(last, null, server.Network.Port(128).Address6, 8000, milliseconds: 10_000));
    }

    [Fact]
    public async Task A_group_that_is_made_cuts_what_is_established()
    {
        await using var server = await TestServer.WithNetworkAsync();
        string one = await server.HostAsync(10), two = await server.HostAsync(11);
        using var listener = TestServer.Listen(two, 8000);
        using var from = Sched.InNetwork(one, () => new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await from.ConnectAsync(server.Network.Port(11).Address6, 8000, TestContext.Current.CancellationToken);
        using var at = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        from.Send([1]);
        Assert.True(await TestServer.HearsAsync(at, 10_000));
        await server.Network.GroupAsync([[server.Network.Port(10)]]);
        from.Send([2]);
        at.Send([3]);
        Assert.False(await TestServer.HearsAsync(at, 700));
        Assert.False(await TestServer.HearsAsync(from, 300));
        await server.Network.GroupAsync([]);
        Assert.True(await TestServer.HearsAsync(at, 20_000));
    }
}
