using Safes.Hypervisor.Guardian;
using Safes.Linux;
using Safes.Secrets;
using Safes.Volumes;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Guardian;

/// <summary>What only a machine of its own can show, of which nothing is needed afterwards: ServersKernelTests make one.</summary>
[Trait("needs", "root")]
[Trait("needs", "own-kernel")]
public sealed class RebootTests
{
    [Fact]
    public async Task A_guardian_whose_storage_stays_away_reboots_the_server_at_its_deadline()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("SAFES_TEST_MAY_REBOOT") == "yes", "reboots the machine: ./test ServersKernelTests has one for it");
        string place = Directory.CreateTempSubdirectory("safes-reboot-").FullName;
        var disk = await FlakyDisk.MakeAsync(place);
        var volume = new FscryptVolume(Path.Combine(disk.MountPoint, "volume"), Path.Combine(place, "mnt"));
        using var secret = SecretBuffer.Random(FscryptVolume.KeyLength);
        await volume.AttachAsync(await volume.CreateAsync(TestVolume.Size));
        var key = volume.Unlock(secret);
        volume.InitialiseLayout(key);

        // The program is found, loaded and rehearsed while the disk works; its deadline is set when it does not.
        var options = new GuardianOptions(place, [Path.Combine(AppContext.BaseDirectory, "safed"), "guard"], RebootOnFailure: true);
        var guardian = await GuardianClient.StartOrConnectAsync(options);
        await using var daemon = await Holding.ProcessAsync("sh", ["-c", "echo held; exec sleep 1000"]);
        using var process = PidFd.Open(daemon.Pid)!;
        var guarded = new GuardedVolume(volume.File, volume.MountPoint, key);
        await guardian.ArmAsync(guarded, BootClock.Now + TimeSpan.FromMinutes(10), process);
        using (var file = volume.Root.OpenFile("share/unsynced", write: true, create: true))
        {
            await disk.FallSilentAsync();
            RandomAccess.Write(file, new byte[4 << 20], 0);
        }

        TimeSpan deadline = BootClock.Now + TimeSpan.FromSeconds(20);
        await guardian.ArmAsync(guarded, deadline, process);
        await Task.Delay(BootClock.LeftUntil(deadline) + TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        Assert.Fail($"the server still runs: {await File.ReadAllTextAsync(options.Log, TestContext.Current.CancellationToken)}");
    }
}
