using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>The memory that a guest needs at once when it goes on is read ahead, and that never keeps the volume from being locked.</summary>
[Trait("needs", "guest")]
public sealed class PrefetchTests(SharedFleet shared) : IClassFixture<SharedFleet>
{
    private readonly Fleet fleet = shared.Fleet;

    [Fact]
    public async Task A_host_s_hot_pages_are_remembered_after_a_resume_and_a_close_waits_for_nothing_of_it()
    {
        var troubles = new List<string>();
        fleet.With = o => o with { HotPagesAfter = TimeSpan.FromSeconds(1), Trouble = (e, what) => troubles.Add($"{what}: {e}") };
        await fleet.Hosts.DisposeAsync();
        await fleet.StartAsync();
        await fleet.Hosts.AddAsync(new HostRequest("desk"));
        await RememberedAsync();

        // Remembered anew after a resume, of what is used then, in a record that is damaged.
        await File.WriteAllBytesAsync(Places.HotPages, new byte[new FileInfo(Places.HotPages).Length], TestContext.Current.CancellationToken);
        await CloseAsync();
        await OpenAsync();
        await RememberedAsync();
        int hot = HotPages.Find(Places, Parts.Memory)!.Cast<bool>().Count(b => b);
        Assert.InRange(hot, 1, (int)(Parts.Memory / HotPages.Piece) - 1);

        // Closed while it waits to remember: at once, with what was remembered before.
        fleet.With = o => o with { HotPagesAfter = TimeSpan.FromMinutes(10), Trouble = (e, what) => troubles.Add($"{what}: {e}") };
        for (int i = 0; i < 3; i++)
        {
            await CloseAsync();
            await OpenAsync();
            Assert.Equal(hot, HotPages.Find(Places, Parts.Memory)!.Cast<bool>().Count(b => b));
        }

        await HoldingNothingAsync();
        Assert.DoesNotContain(fleet.Volume.At("hosts"), await File.ReadAllTextAsync("/proc/self/maps", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Empty(troubles);

        // What it has at a boot is another memory.
        await fleet.Hosts.StopAsync("desk");
        await fleet.Hosts.StartAsync("desk", cold: true, 1);
        Assert.Null(HotPages.Find(Places, Parts.Memory));
        await fleet.Hosts.RemoveAsync("desk");
    }

    private HostPlaces Places => new(fleet.Volume.At("hosts/desk"), "", "", "");

    private Task RememberedAsync() => UntilAsync(() => HotPages.Find(Places, Parts.Memory) is null ? "nothing was remembered" : "");

    /// <summary>What is read ahead after the last resume may take a moment; then no file of a host is open here.</summary>
    private Task HoldingNothingAsync() =>
        UntilAsync(() => string.Join(", ", Census.OpenFiles().Where(f => f.StartsWith(fleet.Volume.At("hosts"), StringComparison.Ordinal))));

    /// <summary>Until nothing is wrong any more, which <paramref name="wrong"/> says in words.</summary>
    private static async Task UntilAsync(Func<string> wrong)
    {
        var end = BootClock.Now + TimeSpan.FromSeconds(30);
        while (wrong() is { Length: > 0 } words)
        {
            Assert.True(BootClock.Now < end, words);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The volume is locked in it, which a file of it that is still open makes fail.</summary>
    private async Task CloseAsync()
    {
        var begin = BootClock.Now;
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.InRange(BootClock.Now - begin, TimeSpan.Zero, TimeSpan.FromSeconds(9));   // less than what nobody ends is waited for
    }

    private async Task OpenAsync() => Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
}
