using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>One Debian guest on an encrypted volume, cloned from the bundle, by the machine's own means only.</summary>
internal sealed class Guest
{
    private bool runs;

    // Not those of a safe: one may run on this machine beside the tests, and a census counts by user.
    private const uint FirstUser = 64700;

    private Guest(MachineStart start) => Start = start;

    public MachineStart Start { get; set; }

    public VirtualMachine Machine { get; private set; } = null!;

    public GuestAgent Agent { get; private set; } = null!;

    public HostPlaces Places => Start.Places;

    public static async Task<Guest> CloneAsync(OpenVolume volume, string name, int number)
    {
        var tools = await Parts.ToolsAsync();
        var bundle = await OnVolumeAsync(volume);
        var places = new HostPlaces(volume.At($"hosts/{name}"), Path.Combine(volume.Place, $"run-{name}"), volume.At("share"), bundle.Directory);
        var hardware = new HostHardware(name, 1, Parts.Memory, $"52:54:00:53:01:{number:x2}", FirstUser + (uint)number, Guid.NewGuid());
        var start = new MachineStart(tools, hardware, places, () => Task.FromResult(Tun.OpenLoneTap($"svt{number}")));
        var guest = new Guest(start);
        await HostFiles.CloneAsync(tools, bundle, hardware, places, bundle.Manifest.DiskBytes);
        await guest.GoOnAsync(bundle);
        await guest.RunAsync($"mount -t virtiofs -o nodev,nosuid safe /safe && hostname {name}");
        return guest;
    }

    public static async Task<Bundle> OnVolumeAsync(OpenVolume volume) => Directory.Exists(volume.At("images/workspace"))
        ? Bundle.Open(volume.At("images/workspace"))
        : await (await Parts.BundleAsync()).CopyAsync(volume.At("images/workspace"));

    /// <summary>Loads and lets run; the agent answers and the clock is right afterwards.</summary>
    public async Task GoOnAsync(Bundle? bundle = null)
    {
        Machine = await VirtualMachine.LoadAsync(Start, bundle);
        runs = true;
        await Machine.ContinueAsync();
        Agent = await Machine.AgentAsync(TimeSpan.FromSeconds(30));
        var off = TimeSpan.MaxValue;
        for (int tries = 0; off >= TimeSpan.FromSeconds(1) && tries < 5; tries++)
        {
            off = await Agent.SetClockAsync(TimeSpan.FromSeconds(10));    // where all work at once, the setting itself may take that long
        }

        Assert.True(off < TimeSpan.FromSeconds(1), $"the clock is {off} off");
        Machine.Reserve();
    }

    public async Task SuspendAsync()
    {
        await Machine.SuspendAsync(1);
        runs = false;
        await Machine.DisposeAsync();
    }

    public async Task<string> RunAsync(string script)
    {
        var said = await Agent.RunAsync(script, TimeSpan.FromSeconds(60));
        Assert.True(said.Exit == 0, $"{script}: {said.Exit} {said.Output}{said.Error}");
        return said.Output.Trim();
    }

    /// <summary>Ends it wherever it is; also when it is suspended, so that a test that failed there says why.</summary>
    public async Task EndAsync()
    {
        if (!runs)
        {
            return;
        }

        runs = false;
        await Machine.KillAsync();
        await Machine.DisposeAsync();
    }
}
