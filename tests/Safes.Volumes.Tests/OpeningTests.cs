using Safes.Linux;
using Safes.Secrets;

namespace Safes.Volumes.Tests;

[Trait("needs", "root")]
public class OpeningTests
{
    [Fact]
    public async Task What_was_written_is_there_after_closing_and_opening()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.Root.WriteFile("share/plan", "the plan"u8);
        test.Volume.WriteMarker([1, 2, 3]);
        await test.LockAsync();
        Assert.True(test.Volume.Observe(test.Key).IsClosed);
        await test.ReopenAsync();
        Assert.Equal("the plan"u8.ToArray(), test.Volume.Root.ReadFile("share/plan"));
        Assert.Equal([1, 2, 3], test.Volume.ReadMarker());
    }

    [Fact]
    public async Task The_file_is_allocated_and_nothing_is_kept_back_for_root()
    {
        await using var test = await TestVolume.OpenAsync();
        Assert.True(Stat.Find(test.Volume.File)!.Value.AllocatedBytes >= TestVolume.Size);
        var room = await test.Volume.RoomAsync();
        Assert.InRange(room.Free, TestVolume.Size * 3 / 4, room.Total);
    }

    [Fact]
    public async Task The_mount_runs_and_follows_nothing_and_reads_little_ahead()
    {
        await using var test = await TestVolume.OpenAsync();
        string options = File.ReadAllLines("/proc/self/mounts").Single(l => l.Contains($" {test.Volume.MountPoint} ", StringComparison.Ordinal));
        Assert.All(["nosuid", "nodev", "noexec", "noatime", "nosymfollow"], o => Assert.Contains(o, options, StringComparison.Ordinal));
        string loop = Path.GetFileName(test.Volume.Observe().Loops.Single());
        Assert.Equal("16", File.ReadAllText($"/sys/block/{loop}/queue/read_ahead_kb").Trim());
        Assert.Equal("1", File.ReadAllText($"/sys/block/{loop}/loop/dio").Trim());
    }

    [Fact]
    public async Task Another_key_is_refused_and_does_not_stay()
    {
        await using var test = await TestVolume.OpenAsync();
        using var other = SecretBuffer.Random(FscryptVolume.KeyLength);
        var otherKey = test.Volume.Unlock(other);    // taken without being asked for another one
        Assert.Equal(KeyStatus.Present, test.Volume.Observe(otherKey).Key);
        await test.LockAsync();
        await test.Volume.AttachAsync(test.Identity);
        var refused = Assert.Throws<VolumeException>(() => test.Volume.Unlock(other, test.Key));
        Assert.Equal(VolumeRefusal.WrongKey, refused.Reason);
        Assert.Equal(KeyStatus.Absent, test.Volume.Observe(otherKey).Key);
    }

    [Fact]
    public async Task The_kernel_is_asked_about_the_key_by_whoever_looks()
    {
        await using var test = await TestVolume.OpenAsync();
        var stranger = new FscryptVolume(test.Volume.File, test.Volume.MountPoint);    // knows no key: that of the policy is asked about
        var facts = stranger.Observe();
        Assert.Equal(KeyStatus.Present, facts.Key);
        Assert.NotEmpty(facts.KeyEntries);
        Assert.Single(facts.Loops);
        Assert.Equal(test.Volume.MountPoint, Assert.Single(facts.Mounts).Path);
        Assert.False(facts.IsClosed);
        Assert.IsType<LockOutcome.Absent>(await stranger.LockAsync());
        Assert.True(stranger.Observe(test.Key).IsClosed);
    }

    [Fact]
    public async Task Attached_twice_is_refused_by_whichever_name()
    {
        await using var test = await TestVolume.OpenAsync();
        Assert.Equal(VolumeRefusal.InUse, await RefusalAsync(test.Volume, test.Identity));
        string link = Path.Combine(test.Place, "other-name");
        await Tool.RunAsync("ln", [test.Volume.File, link]);
        Assert.Equal(VolumeRefusal.InUse, await RefusalAsync(new FscryptVolume(link, Path.Combine(test.Place, "mnt2")), test.Identity));
    }

    [Fact]
    public async Task A_loop_device_that_somebody_else_made_is_refused()
    {
        await using var test = await TestVolume.MadeAsync();
        string loop = (await Tool.RunAsync("losetup", ["--find", "--show", test.Volume.File])).Trim();
        try
        {
            Assert.Equal(VolumeRefusal.InUse, await RefusalAsync(test.Volume, test.Identity));
            Assert.Equal([loop], test.Volume.Observe().Loops);
        }
        finally
        {
            await Tool.RunAsync("losetup", ["--detach", loop]);
        }
    }

    [Fact]
    public async Task Two_at_once_attach_it_once()
    {
        await using var test = await TestVolume.MadeAsync();
        var others = Enumerable.Range(0, 8).Select(i => new FscryptVolume(test.Volume.File, Path.Combine(test.Place, $"mnt{i}"))).ToList();
        var results = await Task.WhenAll(others.Select(async v => (Volume: v, Refusal: await RefusalAsync(v, test.Identity))));
        Assert.Single(results, r => r.Refusal is null);
        Assert.All(results.Where(r => r.Refusal is not null), r => Assert.Equal(VolumeRefusal.InUse, r.Refusal));
        await results.Single(r => r.Refusal is null).Volume.LockAsync();
    }

    [Fact]
    public async Task A_missing_truncated_foreign_or_read_only_file_is_named_as_such()
    {
        await using var test = await TestVolume.MadeAsync();
        string file = test.Volume.File, kept = file + ".kept";
        Assert.Equal(VolumeRefusal.Foreign, await RefusalAsync(test.Volume, test.Identity with { FileSystem = Guid.NewGuid() }));
        Assert.Equal(VolumeRefusal.Truncated, await RefusalAsync(test.Volume, test.Identity with { Bytes = TestVolume.Size + 1 }));

        File.Move(file, kept);
        Assert.Equal(VolumeRefusal.Missing, await RefusalAsync(test.Volume, test.Identity));
        File.WriteAllBytes(file, new byte[TestVolume.Size]);
        Assert.Equal(VolumeRefusal.Foreign, await RefusalAsync(test.Volume, test.Identity));
        File.Delete(file);
        File.CreateSymbolicLink(file, kept);
        Assert.Equal(VolumeRefusal.Foreign, await RefusalAsync(test.Volume, test.Identity));
        File.Delete(file);
        Directory.CreateDirectory(file);
        Assert.Equal(VolumeRefusal.Foreign, await RefusalAsync(test.Volume, test.Identity));
        Directory.Delete(file);
        File.Copy(kept, file);
        await Tool.RunAsync("mkfs.ext4", ["-q", "-F", "-O", "^encrypt", "-U", $"{test.Identity.FileSystem}", file]);
        Assert.Equal(VolumeRefusal.Foreign, await RefusalAsync(test.Volume, test.Identity));
        File.Delete(file);

        File.Move(kept, file);
        using (var half = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.SetLength(half, TestVolume.Size / 2);
        }

        Assert.Equal(VolumeRefusal.Truncated, await RefusalAsync(test.Volume, test.Identity));
        Assert.Equal(VolumeRefusal.Truncated, await RefusalAsync(test.Volume, test.Identity with { Bytes = TestVolume.Size / 2 }));
        Assert.Empty(test.Volume.Observe().Loops);
    }

    [Fact]
    public async Task A_volume_on_a_read_only_file_system_is_refused()
    {
        await using var test = await TestVolume.MadeAsync();
        string place = Path.Combine(test.Place, "frozen");
        Directory.CreateDirectory(place);
        await Tool.RunAsync("mount", ["--bind", test.Place, place]);
        try
        {
            await Tool.RunAsync("mount", ["-o", "remount,bind,ro", place]);
            var frozen = new FscryptVolume(Path.Combine(place, "volume"), test.Volume.MountPoint);
            Assert.Equal(VolumeRefusal.ReadOnly, await RefusalAsync(frozen, test.Identity));
            var refused = await Assert.ThrowsAsync<VolumeException>(() => new FscryptVolume(Path.Combine(place, "new"), "/nowhere").CreateAsync(8 << 20));
            Assert.Equal(VolumeRefusal.ReadOnly, refused.Reason);
        }
        finally
        {
            await Tool.RunAsync("umount", [place]);
        }
    }

    [Fact]
    public async Task Creating_refuses_what_exists_and_what_does_not_fit()
    {
        await using var test = await TestVolume.MadeAsync();
        Assert.Equal(VolumeRefusal.Exists, (await Assert.ThrowsAsync<VolumeException>(() => test.Volume.CreateAsync(8 << 20))).Reason);
        var huge = new FscryptVolume(Path.Combine(test.Place, "huge"), "/nowhere");
        Assert.Equal(VolumeRefusal.NoRoom, (await Assert.ThrowsAsync<VolumeException>(() => huge.CreateAsync(1L << 50))).Reason);
        Assert.False(File.Exists(huge.File));
    }

    internal static async Task<VolumeRefusal?> RefusalAsync(FscryptVolume volume, VolumeIdentity identity)
    {
        try
        {
            await volume.AttachAsync(identity);
            return null;
        }
        catch (VolumeException e)
        {
            return e.Reason;
        }
    }
}
