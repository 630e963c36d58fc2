using System.Globalization;
using Safes.Hypervisor.Hosts;

namespace Safes.Vm.Tests;

/// <summary>A real host that is given other sizes: it keeps what it has while its memory lives, and has them when it boots.</summary>
[Trait("needs", "guest")]
public sealed class ResizeTests(SharedFleet shared) : IClassFixture<SharedFleet>
{
    [Fact]
    public async Task Sizes_change_with_the_next_boot_and_a_memory_image_goes_on_with_those_it_has()
    {
        var fleet = shared.Fleet;
        await fleet.Hosts.AddAsync(new HostRequest("desk"));
        await fleet.RunAsync("desk", "sudo sh -c 'echo kept >/root/file; echo in-memory >/run/note; sync'");
        string before = await fleet.RunAsync("desk", "nproc; df --output=size -B1M / | tail -1");
        long disk = fleet.Hosts.Status()[0].DiskBytes + (1L << 30), memory = 640L << 20;
        int cpus = Environment.ProcessorCount > 1 ? 2 : 1;

        var said = await fleet.Hosts.ResizeAsync(new HostRequest("desk", Cpus: cpus, MemoryBytes: memory, DiskBytes: disk));
        Assert.Equal((HostState.Running, 1, new HostSizes(cpus, memory, disk)), (said.State, said.Cpus, said.Next));
        Assert.Equal(before, await fleet.RunAsync("desk", "nproc; df --output=size -B1M / | tail -1"));

        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.Equal("in-memory", await fleet.RunAsync("desk", "cat /run/note"));
        Assert.Equal(new HostSizes(cpus, memory, disk), fleet.Hosts.Status()[0].Next);

        await fleet.Hosts.StopAsync("desk");
        said = await fleet.Hosts.StartAsync("desk", cold: false, 1);
        Assert.Equal((HostState.Running, cpus, memory, disk, null), (said.State, said.Cpus, said.MemoryBytes, said.DiskBytes, said.Next));
        string[] now = (await fleet.RunAsync("desk", "nproc; df --output=size -B1M / | tail -1; grep MemTotal /proc/meminfo | tr -dc 0-9; echo; sudo cat /root/file; ls /run/note 2>&1 | wc -l")).Split('\n');
        Assert.Equal($"{cpus}", now[0]);
        Assert.InRange(Number(now[1]) - Number(before.Split('\n')[1]), 900, 1100);
        Assert.InRange(Number(now[2]), 560 * 1024, 640 * 1024);
        Assert.Equal("kept", now[3]);

        // And it can be suspended and resumed with them.
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.Equal($"{cpus}", await fleet.RunAsync("desk", "nproc"));
        await fleet.Hosts.RemoveAsync("desk");
    }

    private static long Number(string text) => long.Parse(text.Trim(), CultureInfo.InvariantCulture);
}
