using Safes.Linux;

namespace Safes.Volumes.Tests;

/// <summary>The disk below an open volume fails, by fits and starts too, or is away: the key goes all the same, and what was synced is there.</summary>
[Trait("needs", "root")]
[Trait("needs", "own-kernel")]
public sealed class FlakyDiskTests : IAsyncDisposable
{
    private readonly string place = Directory.CreateTempSubdirectory("safes-flaky-").FullName;
    private FlakyDisk? disk;
    private TestVolume? opened;

    [Fact]
    public async Task Where_writes_and_flushes_fail_it_locks_and_it_is_said_and_what_was_synced_is_there()
    {
        var test = await OpenedAsync();
        test.Volume.WriteMarker("before"u8);
        await disk!.FailWritesAsync();
        Assert.ThrowsAny<IOException>(() => test.Volume.WriteMarker("after"u8));    // the control
        using (var file = test.Volume.Root.OpenFile("share/unsynced", write: true, create: true))
        {
            RandomAccess.Write(file, new byte[1 << 20], 0);
        }

        var outcome = await test.Volume.LockAsync();
        Assert.True(outcome is LockOutcome.Absent { WriteError: not null }, TestVolume.Describe(outcome));
        Assert.True(test.Volume.Observe(test.Key).IsClosed);

        await disk.RepairAsync();
        await test.ReopenAsync();
        Assert.Equal("before"u8.ToArray(), test.Volume.ReadMarker());
        await test.LockAsync();
    }

    [Fact]
    public async Task Where_they_fail_by_fits_and_starts_each_round_ends_locked_and_what_was_synced_is_there()
    {
        var test = await OpenedAsync();
        test.Volume.WriteMarker([0]);
        await test.LockAsync();
        int failed = 0;
        byte synced = 0;
        for (byte round = 1; round <= 6; round++)
        {
            await disk!.FailNowAndThenAsync();
            try
            {
                await test.ReopenAsync();
                for (int write = 0; write < 20; write++)
                {
                    test.Volume.WriteMarker([round]);
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
            while ((outcome = await test.Volume.LockAsync(key: test.Key)) is not LockOutcome.Absent)
            {
                Assert.True(BootClock.Now < end, TestVolume.Describe(outcome));
            }

            Assert.True(test.Volume.Observe(test.Key).IsClosed);
            await disk.RepairAsync();
            await test.ReopenAsync();
            Assert.InRange(Assert.Single(test.Volume.ReadMarker()!), synced, round);    // what failed may have got there
            await test.LockAsync();
        }

        Assert.NotEqual(0, failed);    // the control
    }

    [Fact]
    public async Task While_it_is_away_the_key_is_taken_and_locking_completes_once_it_is_back()
    {
        var test = await OpenedAsync();
        test.Volume.WriteMarker("before"u8);
        using (var file = test.Volume.Root.OpenFile("share/unsynced", write: true, create: true))
        {
            await disk!.FallSilentAsync();
            RandomAccess.Write(file, new byte[4 << 20], 0);
        }

        try
        {
            TimeSpan begin = BootClock.Now;
            var outcome = Assert.IsType<LockOutcome.Unreachable>(await test.Volume.LockAsync(TimeSpan.FromSeconds(4)));
            Assert.Contains(outcome.Step, (string[])["sync", "remove the key"]);
            while (test.Volume.Observe(test.Key).Key == KeyStatus.Present)
            {
                Assert.True(BootClock.Now - begin < TimeSpan.FromSeconds(30), "the key stays");
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            Assert.False(test.Volume.Observe(test.Key).IsClosed);
        }
        finally
        {
            await disk.AnswerAgainAsync();
        }

        await test.LockAsync();
        Assert.True(test.Volume.Observe(test.Key).IsClosed);
        await test.ReopenAsync();
        Assert.Equal("before"u8.ToArray(), test.Volume.ReadMarker());
        await test.LockAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (disk is not null)
        {
            await disk.WorkAsync();
            await (opened?.DisposeAsync() ?? default);
            await disk.DisposeAsync();
        }

        Directory.Delete(place, recursive: true);
    }

    private async Task<TestVolume> OpenedAsync()
    {
        TestVolume.NeedRoot();
        disk = await FlakyDisk.MakeAsync(place);
        return opened = await TestVolume.OpenAsync(disk.MountPoint);
    }
}
