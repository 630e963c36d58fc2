using Safes.Linux;
using Safes.Tests;

namespace Safes.Volumes.Tests;

[Trait("needs", "root")]
public class LockingTests
{
    [Theory]
    [InlineData(HoldKind.WorkingDirectory, false)]
    [InlineData(HoldKind.OpenFile, false)]
    [InlineData(HoldKind.Mapping, false)]
    [InlineData(HoldKind.Watch, false)]
    [InlineData(HoldKind.BoundSocket, null)]
    [InlineData(HoldKind.LoopDevice, false)]
    [InlineData(HoldKind.SecondMount, false)]
    [InlineData(HoldKind.OtherNamespace, true)]
    [InlineData(HoldKind.PinnedNamespace, true)]
    public async Task Whoever_holds_the_volume_is_named_and_locking_completes_when_it_lets_go(HoldKind kind, bool? keyGoes)
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.Root.WriteFile("share/plan", "the plan"u8);
        await using (var holding = await Holding.OfAsync(kind, test))
        {
            for (int attempt = 0; attempt < 2; attempt++)
            {
                var outcome = await test.Volume.LockAsync();
                var busy = Assert.IsType<LockOutcome.Busy>(outcome);
                var holder = Assert.Single(busy.Holders, h => h.Kind == kind);
                Assert.Equal(holding.Pid, holder.Pid);
                Assert.NotEmpty(holder.Command);
                Assert.Equal(kind is HoldKind.WorkingDirectory or HoldKind.RootDirectory or HoldKind.OpenFile or HoldKind.Mapping, holder.Path.Length == 0);
                Assert.DoesNotContain("plan", $"{holder}", StringComparison.Ordinal);    // who holds it is named, what he holds is the team's
                Assert.Equal(keyGoes ?? busy.KeyAbsent, busy.KeyAbsent);
                Assert.False(test.Volume.Observe(test.Key).IsClosed);
                Assert.Equal(VolumeRefusal.InUse, await OpeningTests.RefusalAsync(test.Volume, test.Identity));
            }
        }

        await test.LockAsync();
        Assert.True(test.Volume.Observe(test.Key).IsClosed);
        await test.ReopenAsync();
        Assert.Equal("the plan"u8.ToArray(), test.Volume.Root.ReadFile("share/plan"));
    }

    [Fact]
    public async Task A_holder_that_is_just_ending_does_not_keep_the_volume()
    {
        await using var test = await TestVolume.OpenAsync();
        await using var holding = await Holding.OfAsync(HoldKind.WorkingDirectory, test);
        var locking = test.Volume.LockAsync();
        await holding.DisposeAsync();
        Assert.IsType<LockOutcome.Absent>(await locking);
    }

    [Fact]
    public async Task A_namespace_without_processes_is_named_by_its_pin_also_where_that_lies_in_another_such()
    {
        await using var test = await TestVolume.OpenAsync();
        await using (var holding = await Holding.OfAsync(HoldKind.PinnedNamespace, test))
        {
            string pin = Path.Combine(test.Place, "pins", "mnt");
            Assert.Contains(test.Volume.Observe(test.Key).Mounts, m => m.Pin == pin && m.Pid == 0 && m.Path == test.Volume.MountPoint);
            string inner = Path.Combine(test.Place, "pins", "inner");
            File.WriteAllText(inner, "");
            // Tried on each processor, as MountPin does: the kernel pins one only in an older one.
            string make = $"for i in 1 2 3 4 5; do for p in $(seq 0 $(($(nproc) - 1))); do taskset -c $p unshare --mount={inner} --propagation private true 2>/dev/null && exit; done; done; exit 1";
            await Tool.RunAsync("nsenter", [$"--mount={pin}", "sh", "-c", make]);
            await Tool.RunAsync("nsenter", [$"--mount={pin}", "umount", test.Volume.MountPoint]);
            var seen = test.Volume.Observe(test.Key);
            Assert.Contains(seen.Mounts, m => m.Pin == $"{inner} in {pin}");

            // Unmounted where we are, it is there alone, and its key is.
            await Tool.RunAsync("umount", [test.Volume.MountPoint]);
            seen = test.Volume.Observe(test.Key);
            Assert.Equal([$"{inner} in {pin}"], seen.Mounts.Select(m => m.Pin));
            Assert.Equal(KeyStatus.Present, seen.Key);
            Assert.Contains(test.Volume.FindHolders(), h => h.Kind == HoldKind.PinnedNamespace && h.Command == $"{inner} in {pin}");
        }

        Assert.IsType<LockOutcome.Absent>(await test.Volume.LockAsync());
    }

    [Fact]
    public async Task Who_has_a_namespace_open_that_has_the_volume_mounted_is_named()
    {
        await using var test = await TestVolume.OpenAsync();
        const string script = """
            unshare --mount --propagation private sleep 1000 &
            until [ "$(readlink /proc/$!/ns/mnt)" != "$(readlink /proc/$$/ns/mnt)" ]; do :; done
            exec 3</proc/$!/ns/mnt
            kill $!; wait $!
            echo held; exec sleep 1000
            """;
        await using (var holding = await Holding.ProcessAsync("sh", ["-c", script]))
        {
            await Tool.RunAsync("umount", [test.Volume.MountPoint]);
            Assert.Contains(test.Volume.FindHolders(), h => h.Pid == holding.Pid && h.Path.Contains(test.Volume.MountPoint, StringComparison.Ordinal));
        }

        Assert.IsType<LockOutcome.Absent>(await test.Volume.LockAsync());
    }

    [Fact]
    public async Task Behind_a_mount_in_another_namespace_nothing_can_be_read_once_the_key_has_gone()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.Root.WriteFile("share/plan", "the plan"u8);
        await using var holding = await Holding.OfAsync(HoldKind.OtherNamespace, test);
        string behind = $"/proc/{holding.Pid}/root{test.Safe}/share/plan";
        Assert.Equal("the plan", File.ReadAllText(behind));    // the control: open, the way leads to the data
        Assert.IsType<LockOutcome.Busy>(await test.Volume.LockAsync());
        Assert.False(File.Exists(behind));
        Assert.False(File.Exists($"{test.Safe}/share/plan"));
        Assert.ThrowsAny<IOException>(() => File.ReadAllText(behind));
    }

    [Fact]
    public async Task Locking_what_is_locked_or_was_never_opened_is_no_error()
    {
        await using var test = await TestVolume.MadeAsync();
        await test.LockAsync();
        await test.Volume.AttachAsync(test.Identity);
        await test.LockAsync();    // without a key
        await test.LockAsync();
        Assert.True(test.Volume.Observe().IsClosed);
    }

    [Fact]
    public async Task Locking_goes_on_wherever_an_earlier_attempt_ended()
    {
        await using var test = await TestVolume.OpenAsync();
        using (var root = Fcntl.Open(test.Volume.MountPoint, Fcntl.ReadOnly | Fcntl.Directory))
        {
            Assert.Equal(0u, Fscrypt.RemoveKey(root, test.Key.ToArray()));
        }

        await test.LockAsync();
        await test.ReopenAsync();
        Mount.Detach(test.Volume.MountPoint);
        await test.LockAsync();
        string loop = (await Tool.RunAsync("losetup", ["--find", "--show", test.Volume.File])).Trim();
        Assert.StartsWith("/dev/loop", loop, StringComparison.Ordinal);
        await test.LockAsync();
    }

    [Fact]
    public async Task A_full_volume_locks_and_opens()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.WriteMarker("before"u8);
        byte[] block = new byte[1 << 20];
        void Fill()
        {
            for (long written = 0; written < 2 * TestVolume.Size; written += block.Length)
            {
                test.Volume.Root.AppendFile("share/filler", block);
            }
        }

        var full = Assert.Throws<VolumeException>(Fill);
        Assert.Equal(VolumeRefusal.NoRoom, full.Reason);
        Assert.Equal(VolumeRefusal.NoRoom, Assert.Throws<VolumeException>(() => test.Volume.Root.Allocate("share/more", 8 << 20)).Reason);
        Assert.True((await test.Volume.RoomAsync()).Used > 0.9);
        await test.LockAsync();
        await test.ReopenAsync();
        Assert.Equal("before"u8.ToArray(), test.Volume.ReadMarker());
    }

    [Fact]
    public async Task A_file_system_that_takes_no_writes_any_more_locks_and_it_is_said_and_what_was_synced_is_there()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.WriteMarker("before"u8);
        test.Volume.Root.AppendFile("share/unsynced", new byte[4 << 20]);
        string loop = Path.GetFileName(Assert.Single(test.Volume.Observe(test.Key).Loops));
        await Tool.RunAsync("mount", ["-o", "remount,errors=remount-ro", test.Volume.MountPoint]);
        await File.WriteAllTextAsync($"/sys/fs/ext4/{loop}/trigger_fs_error", "1", TestContext.Current.CancellationToken);    // what a failed write of its journal does

        var outcome = await test.Volume.LockAsync();
        Assert.True(outcome is LockOutcome.Absent { WriteError: not null }, TestVolume.Describe(outcome));
        Assert.True(test.Volume.Observe(test.Key).IsClosed);
        var check = await Tool.TryAsync("e2fsck", ["-p", test.Volume.File]);
        Assert.InRange(check.Exit, 0, 1);
        await test.ReopenAsync();
        Assert.Equal("before"u8.ToArray(), test.Volume.ReadMarker());
    }

    [Theory]
    [InlineData("mv disk/place/volume disk/place/other")]
    [InlineData("umount --lazy disk")]
    [InlineData("mv disk/place disk/other && ln -s place disk/place")]    // whoever asks for the file gets an error, as from storage that has shut down
    public async Task A_volume_whose_file_is_out_of_sight_is_not_closed_before_its_key_has_gone(string happens)
    {
        await using var test = await TestVolume.MadeAsync();
        string disk = Path.Combine(test.Place, "disk"), place = Path.Combine(disk, "place");
        Directory.CreateDirectory(disk);
        await Tool.RunAsync("mount", ["-t", "tmpfs", "none", disk]);
        try
        {
            Directory.CreateDirectory(place);
            var volume = new FscryptVolume(Path.Combine(place, "volume"), test.Volume.MountPoint);
            await volume.AttachAsync(await volume.CreateAsync(TestVolume.Size));
            var key = volume.Unlock(test.Secret);
            volume.InitialiseLayout(key);
            string loop = Assert.Single(volume.Observe(key).Loops);
            await using (await Holding.ProcessAsync("sh", ["-c", $"cd {volume.Root.Path}/share && echo held && exec sleep 1000"]))
            {
                await Tool.RunAsync("sh", ["-c", $"cd {test.Place} && {happens}"]);
                var stranger = new FscryptVolume(volume.File, volume.MountPoint);
                Assert.Equal(KeyStatus.Present, stranger.Observe().Key);
                var busy = Assert.IsType<LockOutcome.Busy>(await stranger.LockAsync());
                Assert.False(busy.KeyAbsent);
                Assert.Contains(busy.Holders, h => h.Kind == HoldKind.WorkingDirectory);
                Assert.Contains(stranger.FindHolders(), h => h.Kind == HoldKind.WorkingDirectory);
                Assert.Equal([loop], stranger.Observe().Loops);
            }

            Assert.IsType<LockOutcome.Absent>(await volume.LockAsync());
            Assert.True(volume.Observe(key).IsClosed);
            Assert.DoesNotContain(Loop.InUse(), n => Loop.PathOf(n) == loop);
        }
        finally
        {
            await Tool.TryAsync("umount", ["--lazy", disk]);
        }
    }

    [Fact]
    public async Task A_known_key_goes_though_the_storage_no_longer_says_which_one_it_is()
    {
        await using var test = await TestVolume.OpenAsync();
        await test.LockAsync();
        await test.ReopenAsync();    // what was just written stays in memory for its journal's sake
        await using (await Holding.OfAsync(HoldKind.OtherNamespace, test))
        {
            await Tool.RunAsync("sh", ["-c", $"sync --file-system {test.Volume.MountPoint} && truncate --size 0 {test.Volume.File}"]);
            await ForgottenAsync(test.Volume);

            var stranger = new FscryptVolume(test.Volume.File, test.Volume.MountPoint);
            Assert.ThrowsAny<IOException>(() => stranger.Observe());
            Assert.False(Assert.IsType<LockOutcome.Busy>(await stranger.LockAsync()).KeyAbsent);
            Assert.Equal(KeyStatus.Present, stranger.Observe(test.Key).Key);
            Assert.True(Assert.IsType<LockOutcome.Busy>(await stranger.LockAsync(key: test.Key)).KeyAbsent);
            Assert.Equal(KeyStatus.Absent, stranger.Observe(test.Key).Key);
        }

        Assert.IsType<LockOutcome.Absent>(await test.Volume.LockAsync());
    }

    /// <summary>Empties the kernel's caches until the volume no longer says which key it is for: what was just read may not go at the first time.</summary>
    private static async Task ForgottenAsync(FscryptVolume volume)
    {
        for (TimeSpan end = BootClock.Now + TimeSpan.FromSeconds(20); ; await Task.Delay(100, TestContext.Current.CancellationToken))
        {
            Assert.True(BootClock.Now < end, "the volume still says which key it is for");
            await File.WriteAllTextAsync("/proc/sys/vm/drop_caches", "3", TestContext.Current.CancellationToken);
            try
            {
                volume.FindPolicy();
            }
            catch (IOException)
            {
                return;
            }
        }
    }

    [Fact]
    public async Task Loop_devices_that_cannot_say_what_is_behind_them_hide_nobody_and_keep_nothing_open()
    {
        await using var test = await TestVolume.OpenAsync();
        string others = Path.Combine(test.Place, "others");
        await Tool.RunAsync("truncate", ["--size", "1M", others]);
        string dead = (await Tool.RunAsync("losetup", ["--find", "--show", others])).Trim(), ours = Assert.Single(test.Volume.Observe().Loops);
        await Tool.RunAsync("mount", ["--bind", "/dev/null", dead]);    // for this process alone; the kernel's answer is an error, as when the storage has gone
        try
        {
            Assert.ThrowsAny<IOException>(() => Loop.Find(int.Parse(dead["/dev/loop".Length..])));    // the control
            await using (await Holding.OfAsync(HoldKind.WorkingDirectory, test))
            {
                Assert.Contains(Assert.IsType<LockOutcome.Busy>(await test.Volume.LockAsync()).Holders, h => h.Kind == HoldKind.WorkingDirectory);
            }

            File.Delete(test.Volume.File);
            await Tool.RunAsync("mount", ["--bind", "/dev/null", ours]);
            try
            {
                Assert.Equal([ours], test.Volume.Observe(test.Key).Loops);
                await test.LockAsync();
                Assert.DoesNotContain(Loop.InUse(), n => Loop.PathOf(n) == ours);
            }
            finally
            {
                await Tool.RunAsync("umount", [ours]);
            }
        }
        finally
        {
            await Tool.RunAsync("umount", [dead]);
            await Tool.RunAsync("losetup", ["--detach", dead]);
        }
    }

    [Fact]
    public async Task A_storage_that_does_not_answer_is_an_outcome_and_locking_completes_when_it_is_back()
    {
        await using var test = await TestVolume.MadeAsync();
        string image = Path.Combine(test.Place, "disk.img"), disk = Path.Combine(test.Place, "disk");
        Directory.CreateDirectory(disk);
        await Tool.RunAsync("truncate", ["-s", "256M", image]);
        await Tool.RunAsync("mkfs.ext4", ["-q", image]);
        await Tool.RunAsync("mount", ["-o", "loop", image, disk]);
        var volume = new FscryptVolume(Path.Combine(disk, "volume"), Path.Combine(test.Place, "mnt"));
        try
        {
            Assert.SkipUnless(await Freezing.HoldsLoopsAsync(disk), "this kernel's loop devices write to a frozen file system, too");
            var identity = await volume.CreateAsync(TestVolume.Size);
            await volume.AttachAsync(identity);
            var key = volume.Unlock(test.Secret);
            volume.InitialiseLayout(key);
            volume.Root.Allocate("share/a", 8 << 20);
            // Opened before: looking a name up may need the storage too, when others have emptied the caches.
            var file = volume.Root.OpenFile("share/a", write: true);
            await Tool.RunAsync("fsfreeze", ["--freeze", disk]);
            using var thaw = new CancellationTokenSource();
            var thawed = ThawInTheEndAsync(disk, thaw.Token);
            try
            {
                using (file)
                {
                    RandomAccess.Write(file, new byte[4 << 20], 0);
                }

                TimeSpan start = BootClock.Now;
                for (int attempt = 0; attempt < 2; attempt++)
                {
                    var outcome = Assert.IsType<LockOutcome.Unreachable>(await volume.LockAsync(TimeSpan.FromSeconds(2)));
                    Assert.False(outcome.KeyAbsent);
                }

                Assert.InRange((BootClock.Now - start).TotalSeconds, 0, 6);
                // Taken away, though what was opened with it still waits for the storage.
                Assert.NotEqual(KeyStatus.Present, volume.Observe(key).Key);
            }
            finally
            {
                await thaw.CancelAsync();
                await thawed;
            }

            var after = await volume.LockAsync();
            Assert.True(after is LockOutcome.Absent, TestVolume.Describe(after));
            Assert.True(volume.Observe(key).IsClosed);
        }
        finally
        {
            await volume.LockAsync();
            await Tool.RunAsync("umount", [disk]);
        }
    }

    /// <summary>Thaws when told to, and after a while in any case: a thread that waits for frozen storage could not tell it.</summary>
    private static async Task ThawInTheEndAsync(string disk, CancellationToken now)
    {
        await Task.Delay(TimeSpan.FromSeconds(40), now).ContinueWith(_ => { }, TaskScheduler.Default);
        await Tool.RunAsync("fsfreeze", ["--unfreeze", disk]);
    }
}
