using Safes.Linux;
using Safes.Tests;
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
        OwnMachine.Need();
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
        var disk = await FlakyDisk.MakeAsync(Directory.CreateTempSubdirectory("safes-reboot-").FullName);
        var scene = await Scene.OpenAsync(reboots: true, disk.MountPoint);
        using (var file = scene.Test.Volume.Root.OpenFile("share/unsynced", write: true, create: true))
        {
            await disk.FallSilentAsync();
            RandomAccess.Write(file, new byte[4 << 20], 0);
        }

        TimeSpan deadline = BootClock.Now + TimeSpan.FromSeconds(24);
        await scene.ArmAsync(deadline);
        await Task.Delay(BootClock.LeftUntil(deadline) - TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        line.Say("a second before");
        await Task.Delay(BootClock.LeftUntil(deadline) + TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        line.Say($"the server still runs: {scene.Log}");
    }
}
