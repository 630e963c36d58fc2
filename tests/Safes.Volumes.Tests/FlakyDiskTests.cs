using Safes.Linux;
using Safes.Secrets;

namespace Safes.Volumes.Tests;

/// <summary>The disk below an open volume fails, by fits and starts too, or is away: the key goes all the same, and what was synced is there.</summary>
[Trait("needs", "root")]
[Trait("needs", "own-kernel")]
public sealed class FlakyDiskTests : IAsyncDisposable
{
    private readonly string place = Directory.CreateTempSubdirectory("safes-flaky-").FullName;
    private readonly SecretBuffer secret = SecretBuffer.Random(FscryptVolume.KeyLength);
    private FlakyDisk? disk;
    private FscryptVolume? opened;

    [Fact]
    public async Task Where_writes_and_flushes_fail_it_locks_and_it_is_said_and_what_was_synced_is_there()
    {
        var (volume, identity, key) = await OpenedAsync();
        volume.WriteMarker("before"u8);
        await disk!.FailWritesAsync();
        Assert.ThrowsAny<IOException>(() => volume.WriteMarker("after"u8));    // the control
        using (var file = volume.Root.OpenFile("share/unsynced", write: true, create: true))
        {
            RandomAccess.Write(file, new byte[1 << 20], 0);
        }

        var outcome = await volume.LockAsync();
        Assert.True(outcome is LockOutcome.Absent { WriteError: not null }, TestVolume.Describe(outcome));
        Assert.True(volume.Observe(key).IsClosed);

        await disk.RepairAsync();
        await ReopenAsync(volume, identity, key);
        Assert.Equal("before"u8.ToArray(), volume.ReadMarker());
        Assert.IsType<LockOutcome.Absent>(await volume.LockAsync());
    }

    [Fact]
    public async Task Where_they_fail_by_fits_and_starts_each_round_ends_locked_and_what_was_synced_is_there()
    {
        var (volume, identity, key) = await OpenedAsync();
        volume.WriteMarker([0]);
        Assert.IsType<LockOutcome.Absent>(await volume.LockAsync());
        int failed = 0;
        byte synced = 0;
        for (byte round = 1; round <= 6; round++)
        {
            await disk!.FailNowAndThenAsync();
            try
            {
                await ReopenAsync(volume, identity, key);
                for (int write = 0; write < 20; write++)
                {
                    volume.WriteMarker([round]);
                    synced = round;
                    await Task.Delay(100, TestContext.Current.CancellationToken);
                }
            }
            catch (Exception e) when (e is IOException or VolumeException or ToolException)
            {
                failed++;
            }

            LockOutcome outcome;
            TimeSpan end = BootClock.Now + TimeSpan.FromSeconds(60);
            while ((outcome = await volume.LockAsync(key: key)) is not LockOutcome.Absent)
            {
                Assert.True(BootClock.Now < end, TestVolume.Describe(outcome));
            }

            Assert.True(volume.Observe(key).IsClosed);
            await disk.RepairAsync();
            await ReopenAsync(volume, identity, key);
            Assert.InRange(Assert.Single(volume.ReadMarker()!), synced, round);    // what failed may have got there
            Assert.IsType<LockOutcome.Absent>(await volume.LockAsync());
        }

        Assert.NotEqual(0, failed);    // the control
    }

    [Fact]
    public async Task While_it_is_away_the_key_is_taken_and_locking_completes_once_it_is_back()
    {
        var (volume, identity, key) = await OpenedAsync();
        volume.WriteMarker("before"u8);
        using (var file = volume.Root.OpenFile("share/unsynced", write: true, create: true))
        {
            await disk!.FallSilentAsync();
            RandomAccess.Write(file, new byte[4 << 20], 0);
        }

        try
        {
            TimeSpan begin = BootClock.Now;
            var outcome = Assert.IsType<LockOutcome.Unreachable>(await volume.LockAsync(TimeSpan.FromSeconds(4)));
            Assert.Contains(outcome.Step, (string[])["sync", "remove the key"]);
            while (volume.Observe(key).Key == KeyStatus.Present)
            {
                Assert.True(BootClock.Now - begin < TimeSpan.FromSeconds(30), "the key stays");
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            Assert.False(volume.Observe(key).IsClosed);
        }
        finally
        {
            await disk.AnswerAgainAsync();
        }

        Assert.IsType<LockOutcome.Absent>(await volume.LockAsync());
        Assert.True(volume.Observe(key).IsClosed);
        await ReopenAsync(volume, identity, key);
        Assert.Equal("before"u8.ToArray(), volume.ReadMarker());
        Assert.IsType<LockOutcome.Absent>(await volume.LockAsync());
    }

    public async ValueTask DisposeAsync()
    {
        secret.Dispose();
        if (disk is not null)
        {
            await disk.WorkAsync();
            await opened!.LockAsync();
            await disk.DisposeAsync();
        }

        Directory.Delete(place, recursive: true);
    }

    private async Task<(FscryptVolume Volume, VolumeIdentity Identity, KeyIdentifier Key)> OpenedAsync()
    {
        TestVolume.NeedRoot();
        disk = await FlakyDisk.MakeAsync(place);
        var volume = opened = new FscryptVolume(Path.Combine(disk.MountPoint, "volume"), Path.Combine(place, "mnt"));
        var identity = await volume.CreateAsync(TestVolume.Size);
        await volume.AttachAsync(identity);
        var key = volume.Unlock(secret);
        volume.InitialiseLayout(key);
        return (volume, identity, key);
    }

    private async Task ReopenAsync(FscryptVolume volume, VolumeIdentity identity, KeyIdentifier key)
    {
        await volume.AttachAsync(identity);
        volume.Unlock(secret, key);
        volume.CheckPolicy(key);
    }
}
