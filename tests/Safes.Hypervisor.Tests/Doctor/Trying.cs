using Safes.Hypervisor.Doctor;
using Safes.Hypervisor.Doctor.Checks;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Doctor;

/// <summary>The trials on this very machine.</summary>
[Trait("needs", "root")]
public sealed class Trying
{
    public Trying()
    {
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(Unistd.EffectiveUser == 0, "needs root");
        }
    }

    private static Server This => new("/", true, null, "not looked for");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_directory_is_encrypted_and_closed() => Assert.Equal(Grade.Good, (await FscryptTrial.RunAsync(This, Stop)).Grade);

    [Fact]
    public async Task Namespaces_bridges_and_rules_are_made()
    {
        Assert.Equal(Grade.Good, (await Networks.TryNamespacesAsync(This, Stop)).Grade);
        Assert.Equal(Grade.Good, (await Networks.TryNftablesAsync(This, Stop)).Grade);
    }

    [Fact]
    public async Task Nothing_is_changed()
    {
        string[] before = await LookAsync();
        await FscryptTrial.RunAsync(This, Stop);
        await Networks.TryNamespacesAsync(This, Stop);
        await Networks.TryNftablesAsync(This, Stop);
        Assert.Equal(before, await LookAsync());
    }

    // What the trials touch and other tests do not: our temporary folders, mounts seen from here, links and rules of this namespace.
    private static async Task<string[]> LookAsync() =>
    [
        string.Join('\n', File.ReadLines("/proc/self/mounts").Where(l => l.Contains("safes-doctor", StringComparison.Ordinal))),
        string.Join('\n', Directory.GetDirectories(Path.GetTempPath(), "safes-doctor-*")),
        (await Tool.TryAsync("ip", ["link", "show", "dev", "bridge0"])).Exit == 0 ? "bridge" : "",
        (await Tool.TryAsync("nft", ["list", "tables"])).Output.Contains("probe", StringComparison.Ordinal) ? "probe" : "",
        string.Join('\n', Loop.InUse().Where(n => File.Exists($"/sys/block/loop{n}/loop/backing_file") && File.ReadAllText($"/sys/block/loop{n}/loop/backing_file").Contains("safes-doctor", StringComparison.Ordinal))),
    ];
}
