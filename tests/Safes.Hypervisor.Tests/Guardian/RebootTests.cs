using Safes.Hypervisor.Guardian;
using Safes.Linux;
using Safes.Secrets;
using Safes.Tests;
using Safes.Volumes;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Guardian;

/// <summary>What only a machine of its own can show, of which nothing is needed afterwards: ServersKernelTests make one.</summary>
[Trait("needs", "root")]
[Trait("needs", "own-kernel")]
public sealed class RebootTests
{
    [Fact]
    public async Task A_guardian_that_closes_in_time_reboots_nothing()
    {
        OwnMachine.Line().Dispose();
        await using var scene = await Scene.OpenAsync(reboots: true);
        TimeSpan deadline = BootClock.Now + TimeSpan.FromSeconds(20);
        await scene.ArmAsync(deadline);
        Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(30)), scene.Log);
        Assert.True(BootClock.Now < deadline, scene.Log);
        Assert.True(scene.Test.Volume.Observe(scene.Test.Key).IsClosed, scene.Log);
    }

    [Fact]
    public async Task A_guardian_whose_storage_stays_away_reboots_the_server_at_its_deadline()
    {
        await using var line = OwnMachine.Line();
        string place = Directory.CreateTempSubdirectory("safes-reboot-").FullName;
        var disk = await FlakyDisk.MakeAsync(place);
        var volume = new FscryptVolume(Path.Combine(disk.MountPoint, "volume"), Path.Combine(place, "mnt"));
        using var secret = SecretBuffer.Random(FscryptVolume.KeyLength);
        await volume.AttachAsync(await volume.CreateAsync(TestVolume.Size));
        var key = volume.Unlock(secret);
        volume.InitialiseLayout(key);

        var options = new GuardianOptions(place, [Path.Combine(AppContext.BaseDirectory, "safed"), "guard"], RebootOnFailure: true);
        var guardian = await GuardianClient.StartOrConnectAsync(options);
        await using var daemon = await Holding.ProcessAsync("sh", ["-c", "echo held; exec sleep 1000"]);
        using var process = PidFd.Open(daemon.Pid)!;
        using (var file = volume.Root.OpenFile("share/unsynced", write: true, create: true))
        {
            await disk.FallSilentAsync();
            RandomAccess.Write(file, new byte[4 << 20], 0);
        }

        TimeSpan deadline = BootClock.Now + TimeSpan.FromSeconds(24);
        await guardian.ArmAsync(new GuardedVolume(volume.File, volume.MountPoint, key), deadline, process);
        await Task.Delay(BootClock.LeftUntil(deadline) - TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        line.Say("a second before");
        await Task.Delay(BootClock.LeftUntil(deadline) + TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        line.Say($"the server still runs: {await File.ReadAllTextAsync(options.Log, TestContext.Current.CancellationToken)}");
    }
}
