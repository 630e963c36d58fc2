using System.Security.Cryptography;
using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>A memory image is used at most once, whole, and only where it fits; all else is found before QEMU is started.</summary>
[Trait("needs", "guest")]
public sealed class MemoryImageTests(SharedFleet shared) : IClassFixture<SharedFleet>, IAsyncLifetime
{
    private readonly Fleet fleet = shared.Fleet;

    public async ValueTask InitializeAsync()
    {
        await fleet.Hosts.AddAsync(new HostRequest("desk"));
        await fleet.RunAsync("desk", "echo kept >kept && sync && sudo touch /run/memory");
    }

    public async ValueTask DisposeAsync() => await fleet.Hosts.RemoveAsync("desk");

    [Fact]
    public async Task A_memory_image_put_back_after_it_was_used_is_refused()
    {
        await SuspendAsync();
        string old = Path.Combine(fleet.Volume.Place, "old");
        Directory.CreateDirectory(old);
        foreach (string file in (string[])["state", "state.json"])
        {
            File.Copy(At(file), Path.Combine(old, file), overwrite: true);
        }

        await ResumeAsync();
        Assert.Empty(File.ReadAllBytes(At("state.json")).Where(b => b != 0));
        await fleet.Hosts.KillAllAsync();
        await StartAgainAsync();
        foreach (string file in (string[])["state", "state.json"])
        {
            File.Copy(Path.Combine(old, file), At(file), overwrite: true);
        }

        var refused = Assert.Single(await fleet.Hosts.ResumeAllAsync(1, stop: TestContext.Current.CancellationToken));
        Assert.Equal((FaultCodes.ImageDamaged, "ram"), (refused.Fault!.Code, refused.Fault.Details["what"]));
        Assert.Empty(fleet.Hosts.Processes);
        await ColdAsync();
    }

    [Fact]
    public async Task A_flipped_bit_is_found_before_QEMU_starts_and_the_host_can_be_started_cold()
    {
        await SuspendAsync();
        using (var state = File.OpenHandle(At("state"), FileMode.Open, FileAccess.ReadWrite))
        {
            byte[] one = new byte[1];
            RandomAccess.Read(state, one, 100_000);
            one[0] ^= 1;
            RandomAccess.Write(state, one, 100_000);
        }

        string ram = Digest(At("ram"));
        var refused = Assert.Single(await fleet.Hosts.ResumeAllAsync(1, stop: TestContext.Current.CancellationToken));
        Assert.Equal((FaultCodes.ImageDamaged, "state"), (refused.Fault!.Code, refused.Fault.Details["what"]));
        Assert.Equal(ram, Digest(At("ram")));
        await ColdAsync();
    }

    [Theory]
    [InlineData("cpus")]
    [InlineData("qemu")]
    [InlineData("generation")]
    public async Task An_image_that_does_not_fit_is_kept_untouched_and_the_difference_is_told(string what)
    {
        await SuspendAsync();
        string ram = Digest(At("ram"));
        var record = StateRecord.Find(Places())!;
        string definition = File.ReadAllText(At("host.json"));
        switch (what)
        {
            case "cpus":
                File.WriteAllText(At("host.json"), definition.Replace("\"cpus\": 1", "\"cpus\": 2", StringComparison.Ordinal));
                break;
            case "qemu":
                fleet.With = o => o with { Tools = o.Tools with { QemuVersion = "10.9.0" } };
                break;
        }

        await StartAgainAsync();
        var refused = Assert.Single(await fleet.Hosts.ResumeAllAsync(what == "generation" ? 0u : 1, stop: TestContext.Current.CancellationToken));
        Assert.Equal(FaultCodes.ImageMismatch, refused.Fault!.Code);
        Assert.Equal(what switch { "cpus" => "hardware", "qemu" => "QEMU", _ => what }, refused.Fault.Details["what"]);
        var asked = await Assert.ThrowsAsync<FaultException>(() => fleet.Hosts.StartAsync("desk", cold: false, what == "generation" ? 0u : 1));
        Assert.Equal(refused.Fault.Details, asked.Details);
        Assert.Equal(HostState.Suspended, Assert.Single(fleet.Hosts.Status()).State);
        Assert.Equal(ram, Digest(At("ram")));
        Assert.Equal(record, StateRecord.Find(Places()));

        // Where it fits it goes on, with all that was in its memory.
        File.WriteAllText(At("host.json"), definition);
        fleet.With = o => o;
        await StartAgainAsync();
        await ResumeAsync();
        await fleet.RunAsync("desk", "test -e /run/memory");
    }

    private async Task SuspendAsync()
    {
        Assert.All(await fleet.Hosts.SuspendAllAsync(1, TimeSpan.FromSeconds(30)), o => Assert.True(o.Done, Fleet.Why(o)));
        await StartAgainAsync();
    }

    private async Task StartAgainAsync()
    {
        await fleet.Hosts.DisposeAsync();
        await fleet.StartAsync();
    }

    private async Task ResumeAsync() => Assert.All(await fleet.Hosts.ResumeAllAsync(1, stop: TestContext.Current.CancellationToken), o => Assert.True(o.Done, Fleet.Why(o)));

    private async Task ColdAsync()
    {
        var status = await fleet.Hosts.StartAsync("desk", cold: true, 1);
        Assert.Equal((HostState.Running, ""), (status.State, status.Note));
        // Its disk and its identity are what they were; its memory is not.
        await fleet.RunAsync("desk", "grep -q kept kept && ! test -e /run/memory && mountpoint -q /safe");
    }

    private string At(string file) => fleet.Volume.At($"hosts/desk/{file}");

    private HostPlaces Places() => new(fleet.Volume.At("hosts/desk"), "", "", "");

    private static string Digest(string file)
    {
        using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
