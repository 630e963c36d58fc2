using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>As many hosts as a team may well have, each small: all are suspended, all go on, and no open leaves more behind than the one before.</summary>
[Trait("needs", "guest")]
[Trait("takes", "long")]
public sealed class ManyHostsTests
{
    private const int Hosts = 20;

    [Fact]
    public async Task Twenty_hosts_go_on_as_they_were_and_no_open_leaves_more_behind_than_the_one_before()
    {
        // Each has room for its whole disk; the file below is sparse.
        await using var fleet = await Fleet.OpenAsync(80L << 30);
        fleet.With = o => o with { WriteBackRate = 1e9, ClockLimit = TimeSpan.FromMinutes(2) };
        await fleet.Hosts.DisposeAsync();
        await fleet.StartAsync();
        string[] names = [.. Enumerable.Range(1, Hosts).Select(n => $"h{n}")];
        foreach (string name in names)
        {
            await fleet.Hosts.AddAsync(new HostRequest(name, MemoryBytes: 128L << 20));
        }

        var boots = await BootsAsync(fleet, names);
        Assert.Equal(Hosts, boots.Distinct().Count());
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
            Assert.All(fleet.Hosts.Status(), s => Assert.Equal((HostState.Running, ""), (s.State, s.Note)));
            Assert.Equal(boots, await BootsAsync(fleet, names));
            Compare(ref openBefore, fleet);
        }
    }

    /// <summary>Of each the id of the boot that it still has: it did not boot again.</summary>
    private static async Task<string[]> BootsAsync(Fleet fleet, string[] names)
    {
        var boots = new List<string>();
        foreach (string name in names)
        {
            var said = await fleet.SshAsync(name, "cat /proc/sys/kernel/random/boot_id");
            Assert.True(said.Exit == 0, $"{name}: {said.Error}");
            boots.Add(said.Output.Trim());
        }

        return [.. boots];
    }

    // The first round warms what is made once.
    private static void Compare(ref Census? before, Fleet fleet)
    {
        var now = Census.Take(fleet.Volume.Place, SafeUsers.Usual.Host(HostDefinition.FirstNumber)) with { Descriptors = 0 };
        before ??= now;
        Assert.Equal(before, now);
    }
}
