using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>As many hosts as a team may well have, each small: all are suspended, all go on, and no open leaves more behind than the one before.</summary>
[Trait("needs", "guest")]
[Trait("takes", "long")]
public sealed class ManyHostsTests
{
    private const int Hosts = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Twenty_hosts_go_on_as_they_were_and_no_open_leaves_more_behind_than_the_one_before()
    {
        await using var fleet = await Fleet.OpenAsync(70L << 30);
        fleet.With = o => o with { WriteBackRate = 1e9 };
        await fleet.Hosts.DisposeAsync();
        await fleet.StartAsync();
        string[] names = [.. Enumerable.Range(1, Hosts).Select(n => $"h{n}")];
        foreach (string name in names)
        {
            await fleet.Hosts.AddAsync(new HostRequest(name, MemoryBytes: 128L << 20));
        }

        // All of them go on from one image's memory: none may draw what another does.
        string[] drawn = await AllAsync(fleet, names, "cat /proc/sys/kernel/random/uuid | sudo tee /run/drawn");
        Assert.Equal(Hosts, drawn.Distinct().Count());
        Census? closedBefore = null, openBefore = null;
        for (int round = 0; round < 3; round++)
        {
            var closed = await fleet.CloseAsync();
            Assert.All(closed, o => Assert.True(o.Done, Fleet.Why(o)));
            Assert.Equal(Hosts, closed.Count);
            Assert.Equal(0, await fleet.Ports.CountAsync());
            Compare(ref closedBefore, fleet);

            var opened = await fleet.ReopenAsync();
            Assert.All(opened, o => Assert.True(o.Done, Fleet.Why(o)));
            await AllRunAsync(fleet);
            Assert.Equal(drawn, await AllAsync(fleet, names, "cat /run/drawn"));
            Compare(ref openBefore, fleet);
        }
    }

    /// <summary>Twenty guests on a few cores are slow to answer: one that could not be told the time yet is let through once it could.</summary>
    private static async Task AllRunAsync(Fleet fleet)
    {
        for (var end = BootClock.Now + Patience; fleet.Hosts.Status().Any(s => s.State != HostState.Running); await Task.Delay(200, TestContext.Current.CancellationToken))
        {
            Assert.True(BootClock.Now < end, string.Join('\n', fleet.Hosts.Status()));
        }

        Assert.All(fleet.Hosts.Status(), s => Assert.Equal("", s.Note));
    }

    /// <summary>What each says to a command.</summary>
    private static async Task<string[]> AllAsync(Fleet fleet, string[] names, string command)
    {
        var all = new List<string>();
        foreach (string name in names)
        {
            all.Add(await fleet.RunAsync(name, command));
        }

        return [.. all];
    }

    // The first round warms what is made once.
    private static void Compare(ref Census? before, Fleet fleet)
    {
        uint[] users = [.. Enumerable.Range(HostDefinition.FirstNumber, Hosts).Select(SafeUsers.Usual.Host)];
        var now = Census.Take(fleet.Volume.Place, users) with { Descriptors = 0 };
        before ??= now;
        Assert.Equal(before, now);
    }
}
