using System.Net;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>Other sizes for a host: what is refused, and what is there after each step of taking them. No guest runs here.</summary>
[Trait("needs", "root")]
public sealed class SizeTests : IAsyncLifetime
{
    private const long MiB = 1L << 20, Memory = 128 * MiB, Disk = 16 * MiB;

    private OpenVolume volume = null!;
    private TestPorts ports = null!;
    private SshAuthority authority = null!;
    private Tools tools = null!;

    private string Home => volume.At("hosts/desk");

    public async ValueTask InitializeAsync()
    {
        volume = await OpenVolume.MakeAsync(500L << 20);
        ports = await TestPorts.MakeAsync(volume.Place);
        authority = await SshAuthority.OpenAsync(volume.Volume.Root.Below("ssh"), Path.Combine(volume.Place, "signing"));
        tools = (await Parts.ToolsAsync()) with { Qemu = "false", Virtiofsd = ["false"] };
        string image = volume.At("images/debian-13/disk.qcow2");
        Directory.CreateDirectory(Path.GetDirectoryName(image)!);
        Assert.Equal(0, (await Tool.TryAsync(tools.QemuImg, ["create", "-q", "-f", "qcow2", image, $"{Disk}"], environment: tools.Environment)).Exit);
        foreach (string name in (string[])["desk", "other"])
        {
            Directory.CreateDirectory(volume.At($"hosts/{name}"));
            await File.WriteAllTextAsync(volume.At($"hosts/{name}/host.json"), $$"""
                {"name": "{{name}}", "number": {{(name == "desk" ? 10 : 11)}}, "image": "debian-13", "cpus": 1, "memory_bytes": {{Memory}}, "disk_bytes": {{Disk}},
                 "uuid": "{{Guid.NewGuid()}}", "machine_id": "{{Guid.NewGuid()}}", "running": false, "booted_unix": 1, "suspended_unix": 0, "signed_unix": 1, "accounts": ""}
                """);
            await DiskImage.CreateOverlayAsync(tools, volume.At($"hosts/{name}/disk.qcow2"), image, Disk);
            File.WriteAllText(volume.At($"hosts/{name}/ram"), "");
            Unistd.Chown(volume.At($"hosts/{name}"), name == "desk" ? 64210u : 64211, name == "desk" ? 64210u : 64211);
        }

    }

    public async ValueTask DisposeAsync()
    {
        await ports.DisposeAsync();
        await volume.DisposeAsync();
    }

    [Fact]
    public async Task What_cannot_be_is_refused_with_what_there_is_and_changes_nothing()
    {
        await using var fleet = await FleetAsync(tools);
        string before = File.ReadAllText(Path.Combine(Home, "host.json"));
        (HostRequest, FaultCode, string?)[] refused =
        [
            (new("web", DiskBytes: 20 * MiB), FaultCodes.HostUnknown, null),
            (new("desk", DiskBytes: Disk - MiB), FaultCodes.HostDisk, "size"),
            (new("desk", DiskBytes: (20 * MiB) + 1), FaultCodes.HostDisk, "size"),
            (new("desk", DiskBytes: 2L << 40), FaultCodes.HostDisk, "size"),
            (new("desk", DiskBytes: -MiB), FaultCodes.HostDisk, "size"),
            (new("desk", DiskBytes: 1L << 30), FaultCodes.HostDisk, "room"),
            (new("desk", MemoryBytes: 600 * MiB), FaultCodes.HostDisk, "room"),
            (new("desk", MemoryBytes: 1L << 40), FaultCodes.HostMemory, "memory"),
            (new("desk", MemoryBytes: 64 * MiB), FaultCodes.HostMemory, "memory"),
            (new("desk", MemoryBytes: -1), FaultCodes.HostMemory, "memory"),
            (new("desk", MemoryBytes: Memory + 1), FaultCodes.HostMemory, "memory"),
            (new("desk", Cpus: 4096), FaultCodes.BadRequest, null),
            (new("desk", Cpus: -1), FaultCodes.BadRequest, null),
        ];
        foreach (var (request, code, why) in refused)
        {
            var fault = await Assert.ThrowsAsync<FaultException>(() => fleet.ResizeAsync(request));
            Assert.Equal((code, why), (fault.Code, fault.Details.GetValueOrDefault("why")));
        }

        GiveMemory("other");
        await using var slow = await FleetAsync(tools, o => o with { WriteBackRate = 4 << 20, Bound = TimeSpan.FromSeconds(120) });
        Assert.Equal("bound", (await Assert.ThrowsAsync<FaultException>(() => slow.ResizeAsync(new("desk", MemoryBytes: 200 * MiB)))).Details["why"]);
        Assert.Equal(before, File.ReadAllText(Path.Combine(Home, "host.json")));
    }

    [Fact]
    public async Task Room_that_one_host_was_promised_is_not_promised_to_another()
    {
        await using var fleet = await FleetAsync(tools);
        await fleet.ResizeAsync(new("desk", DiskBytes: 250 * MiB));
        Assert.Equal("room", (await Assert.ThrowsAsync<FaultException>(() => fleet.ResizeAsync(new("other", DiskBytes: 250 * MiB)))).Details["why"]);
        await fleet.ResizeAsync(new("desk", DiskBytes: Disk));      // taken back
        Assert.Null(fleet.Status().Single(s => s.Name == "desk").Next);
        await fleet.ResizeAsync(new("other", DiskBytes: 250 * MiB));
    }

    [Fact]
    public async Task A_wish_outlives_a_restart_and_is_taken_before_the_host_runs()
    {
        await using (var fleet = await FleetAsync(tools))
        {
            var said = await fleet.ResizeAsync(new("desk", MemoryBytes: 160 * MiB));
            Assert.Equal((Memory, new HostSizes(1, 160 * MiB, Disk)), (said.MemoryBytes, said.Next));
            said = await fleet.ResizeAsync(new("desk", DiskBytes: 40 * MiB));
            Assert.Equal(new HostSizes(1, 160 * MiB, 40 * MiB), said.Next);
        }

        await using var next = await FleetAsync(tools);
        Assert.Equal(new HostSizes(1, 160 * MiB, 40 * MiB), next.Status().Single(s => s.Name == "desk").Next);
        await Assert.ThrowsAsync<FaultException>(() => next.StartAsync("desk", cold: false, 1));     // its QEMU is none
        var status = next.Status().Single(s => s.Name == "desk");
        Assert.Equal((160 * MiB, 40 * MiB, null), (status.MemoryBytes, status.DiskBytes, status.Next));
        Assert.Equal(160 * MiB, new FileInfo(Path.Combine(Home, "ram")).Length);
        Assert.Equal(40 * MiB, await DiskImage.SizeAsync(tools, Path.Combine(Home, "disk.qcow2")));
        Assert.True(Stat.Find(Path.Combine(Home, "disk.qcow2"))!.Value.AllocatedBytes >= 40 * MiB, "the disk was grown without its room");
        await DiskImage.CheckAsync(tools, Path.Combine(Home, "disk.qcow2"));

        // Whoever takes over what runs must know it, too.
        await using (var taker = await FleetAsync(tools))
        {
            Assert.Equal((160 * MiB, null), (taker.Status().Single(s => s.Name == "desk").MemoryBytes, taker.Status().Single(s => s.Name == "desk").Next));
        }

        await next.ResizeAsync(new("desk", MemoryBytes: Memory));
        await Assert.ThrowsAsync<FaultException>(() => next.StartAsync("desk", cold: false, 1));
        Assert.Equal(Memory, new FileInfo(Path.Combine(Home, "ram")).Length);      // and the volume has the rest again
    }

    [Theory]
    [InlineData("kill -9 $$")]                                  // before
    [InlineData("\"$IMG\" \"$@\"; kill -9 $$")]                   // after it had done it
    public async Task Growing_that_is_cut_short_leaves_the_old_or_the_new_size_and_the_wish(string cut)
    {
        string script = Path.Combine(volume.Place, "qemu-img");
        File.WriteAllText(script, $"#!/bin/sh\nIMG={tools.QemuImg}\n[ $1 = resize ] || exec \"$IMG\" \"$@\"\n{cut}\n");
        File.SetUnixFileMode(script, (UnixFileMode)0x1ed);
        await using (var fleet = await FleetAsync(tools with { QemuImg = script }))
        {
            await fleet.ResizeAsync(new("desk", MemoryBytes: 160 * MiB, DiskBytes: 40 * MiB));
            await Assert.ThrowsAsync<FaultException>(() => fleet.StartAsync("desk", cold: false, 1));
            var old = fleet.Status().Single(s => s.Name == "desk");
            Assert.Equal((Memory, Disk, new HostSizes(1, 160 * MiB, 40 * MiB)), (old.MemoryBytes, old.DiskBytes, old.Next));
            Assert.Equal(Memory, new FileInfo(Path.Combine(Home, "ram")).Length);
            Assert.Contains(await DiskImage.SizeAsync(tools, Path.Combine(Home, "disk.qcow2")), new[] { Disk, 40 * MiB });
        }

        await using var next = await FleetAsync(tools);
        await Assert.ThrowsAsync<FaultException>(() => next.StartAsync("desk", cold: false, 1));
        Assert.Equal((160 * MiB, 40 * MiB), (next.Status().Single(s => s.Name == "desk").MemoryBytes, await DiskImage.SizeAsync(tools, Path.Combine(Home, "disk.qcow2"))));
    }

    [Fact]
    public async Task With_the_room_gone_by_then_it_boots_as_it_was_and_the_wish_stays()
    {
        await using var fleet = await FleetAsync(tools);
        await fleet.ResizeAsync(new("desk", DiskBytes: 200 * MiB));
        using (var filler = Fcntl.Open(volume.At("share/filler"), Fcntl.ReadWrite | Fcntl.Create))
        {
            Fcntl.Allocate(filler, 0, Statfs.Of(volume.At("share")).Available - Memory - (70 * MiB));
        }

        var steps = new List<HostStep>();
        await Assert.ThrowsAsync<FaultException>(() => fleet.StartAsync("desk", cold: false, 1, new Told(steps)));
        Assert.Contains(steps, s => s.Detail.Contains("no room", StringComparison.Ordinal));
        Assert.Contains(steps, s => s.Name == "boot");
        var status = fleet.Status().Single(s => s.Name == "desk");
        Assert.Equal((Disk, 200 * MiB), (status.DiskBytes, status.Next!.DiskBytes));
        Assert.Equal(Memory, new FileInfo(Path.Combine(Home, "ram")).Length);
    }

    [Fact]
    public async Task What_was_saved_with_the_old_memory_is_void_before_that_is_touched()
    {
        var saved = new HostPlaces(Home, volume.At("run"), "", volume.At("images/debian-13"));
        await File.WriteAllTextAsync(saved.StateRecord, "{}", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(saved.State, "state", TestContext.Current.CancellationToken);
        var large = new HostHardware("desk", 1, 1L << 40, "", 64210, default);      // for which there is no room
        Assert.Equal(Errno.NoSpace, Assert.Throws<LinuxException>(() => HostFiles.ClearRam(large, saved)).Number);
        Assert.False(File.Exists(saved.StateRecord) || File.Exists(saved.State));
    }

    [Fact]
    public async Task A_host_that_is_busy_for_long_keeps_no_other_from_other_sizes()
    {
        var slow = new SlowPorts(ports);
        await using var fleet = await FleetAsync(tools, o => o with { Ports = slow, BusyLimit = TimeSpan.FromSeconds(1) });
        var starting = fleet.StartAsync("desk", cold: false, 1);
        await slow.Asked.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        var busy = fleet.ResizeAsync(new("desk", DiskBytes: 20 * MiB));
        var fault = await Assert.ThrowsAsync<FaultException>(() => busy.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal(FaultCodes.HostFailed, fault.Code);
        Assert.Contains("an earlier operation on desk", fault.Details["why"], StringComparison.Ordinal);
        Assert.NotNull((await fleet.ResizeAsync(new("other", DiskBytes: 20 * MiB))).Next);
        slow.Answer.SetException(new IOException("no port"));
        await Assert.ThrowsAsync<FaultException>(() => starting);
    }

    [Fact]
    public async Task What_waits_for_a_host_that_is_being_removed_finds_none_and_writes_nothing()
    {
        var slow = new SlowPorts(ports);
        await using var fleet = await FleetAsync(tools, o => o with { Ports = slow });
        var starting = fleet.StartAsync("desk", cold: false, 1);
        await slow.Asked.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        var removing = fleet.RemoveAsync("desk");
        var waiting = fleet.ResizeAsync(new("desk", DiskBytes: 20 * MiB));
        slow.Answer.SetException(new IOException("no port"));
        Assert.Equal(FaultCodes.HostUnknown, (await Assert.ThrowsAsync<FaultException>(() => waiting)).Code);
        await Assert.ThrowsAsync<FaultException>(() => starting);
        await removing;
        Assert.False(Directory.Exists(Home));
        Assert.Equal("other", Assert.Single(fleet.Status()).Name);
    }

    [Fact]
    public async Task What_a_definition_claims_as_memory_counts_as_far_as_it_has_its_room()
    {
        string definition = Path.Combine(Home, "host.json");
        string text = await File.ReadAllTextAsync(definition, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(definition, text.Replace($"\"memory_bytes\": {Memory}", $"\"memory_bytes\": {1L << 40}", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        HostFleetOptions WithRoomForTwo(HostFleetOptions o) => o with { WriteBackRate = 2.5 * Memory * 2 / o.Bound.TotalSeconds };
        await using (var fleet = await FleetAsync(tools, WithRoomForTwo))
        {
            Assert.Equal(2 * Memory, (await fleet.ResizeAsync(new("other", MemoryBytes: 2 * Memory))).Next!.MemoryBytes);
        }

        // The control: what is there counts.
        GiveMemory("desk");
        await using (var fleet = await FleetAsync(tools, WithRoomForTwo))
        {
            var fault = await Assert.ThrowsAsync<FaultException>(() => fleet.ResizeAsync(new("other", MemoryBytes: 2 * Memory)));
            Assert.Equal((FaultCodes.HostMemory, "bound"), (fault.Code, fault.Details["why"]));
        }

        await File.WriteAllTextAsync(definition, text.Replace("\"cpus\": 1,", "\"cpus\": 256,", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        await using (var fleet = await FleetAsync(tools))
        {
            Assert.Equal(HostState.Failed, fleet.Status().Single(s => s.Name == "desk").State);
        }
    }

    /// <summary>Its RAM's room, as a host has that was made.</summary>
    private void GiveMemory(string host)
    {
        using var file = Fcntl.Open(volume.At($"hosts/{host}/ram"), Fcntl.ReadWrite);
        Fcntl.Allocate(file, 0, Memory);
    }

    private async Task<HostFleet> FleetAsync(Tools with, Func<HostFleetOptions, HostFleetOptions>? change = null)
    {
        var fleet = new HostFleet((change ?? (o => o))(new HostFleetOptions
        {
            Zone = "ledger",
            Volume = volume.Volume.Root,
            Authority = authority,
            RunDirectory = Path.Combine(volume.Place, "hosts"),
            Tools = with,
            Ports = ports,
            WriteBackRate = 1L << 40,
        }));
        await fleet.LoadAsync();
        return fleet;
    }

    /// <summary>Makes a host's port when the test lets it; until then the host is busy.</summary>
    private sealed class SlowPorts(IHostPorts real) : IHostPorts
    {
        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<SafeFileHandle> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IPAddress Gateway => real.Gateway;

        public string Mac(int number) => real.Mac(number);

        public IPAddress Address(int number) => real.Address(number);

        public IPAddress Address6(int number) => real.Address6(number);

        public Task<SafeFileHandle> OpenAsync(int number)
        {
            Asked.TrySetResult();
            return Answer.Task;
        }

        public Task LetThroughAsync(int number, CancellationToken closing) => real.LetThroughAsync(number, closing);

        public Task CutAsync(params IReadOnlyCollection<int> numbers) => real.CutAsync(numbers);

        public Task ForgetAsync(int number) => real.ForgetAsync(number);
    }

    private sealed class Told(List<HostStep> steps) : IProgress<HostStep>
    {
        public void Report(HostStep value) => steps.Add(value);
    }
}
