using System.Runtime.InteropServices;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>
/// One attempt to lock a volume. Runs in a thread of its own; <see cref="Step"/> says where it is, should it hang. Every step looks at the
/// kernel first, so that an attempt goes on wherever an earlier one, or a process that died, has stopped.
/// </summary>
internal sealed class VolumeLocking(string file, string mountPoint, IReadOnlySet<KeyIdentifier> known, TimeSpan limit)
{
    // Something that is just ending (a server's inner process after a kill) lets go within moments; the kernel has no event for it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(0.75), Pause = TimeSpan.FromMilliseconds(25), DetachLimit = TimeSpan.FromSeconds(2);

    private string? writeError;

    /// <summary>What is being done.</summary>
    internal string Step { get; private set; } = "look";

    /// <summary>Whether the kernel said that the key is absent, or the volume mounted nowhere.</summary>
    internal bool KeyAbsent { get; private set; }

    private void At(string step)
    {
        Step = step;
        Failpoint.Reach($"lock: {step}");
    }

    internal LockOutcome Run()
    {
        var loops = VolumeLoops.Of(file, mountPoint);
        RemoveKey(loops);

        if (!KeyAbsent && writeError is null)
        {
            return Busy(loops);
        }

        // What could not be written cannot be evicted, and keeps the key. An unmount takes it along, unless somebody holds it, too.
        if (Unmount(loops, KeyAbsent ? Patience : TimeSpan.Zero) is { } mounted)
        {
            return mounted;
        }

        KeyAbsent = true;
        return Detach(loops);
    }

    private void RemoveKey(VolumeLoops loops)
    {
        TimeSpan patience = BootClock.Now + Patience;
        for (bool first = true; ; first = false)
        {
            using (var root = MountedVolume.TryOpen(mountPoint, loops))
            {
                if (root is null)
                {
                    KeyAbsent = true;
                    return;
                }

                var keys = known.ToHashSet();
                string? untold = MountedVolume.AddKey(root, keys);
                writeError ??= untold;

                if (first)
                {
                    Sync(keys.Any(k => MountedVolume.StatusOf(root, k) != KeyStatus.Absent));
                }

                At("remove the key");
                bool removed = true;
                foreach (var key in keys)
                {
                    removed &= TryRemove(root, key) && MountedVolume.StatusOf(root, key) == KeyStatus.Absent;
                }

                KeyAbsent = removed && (untold is null || keys.Count > 0);    // one that nobody knows goes with the unmount
            }

            if (KeyAbsent || BootClock.Now >= patience)
            {
                return;
            }

            Thread.Sleep(Pause);
        }
    }

    // The kernel wipes the key, then writes the files back, then evicts them; it does the last also when the storage takes no writes, and says so.
    private bool TryRemove(SafeHandle root, KeyIdentifier key)
    {
        try
        {
            return Fscrypt.RemoveKey(root, key.ToArray()) is null or 0;
        }
        catch (LinuxException e)
        {
            writeError ??= e.Message;
            return true;
        }
    }

    // Written while the key is still there, so that a failure is known. A sync that hangs must not keep the key: removal wipes it before
    // it waits for the storage.
    private void Sync(bool needed)
    {
        if (!needed)
        {
            return;
        }

        At("sync");
        var written = Background.Run(
            () =>
            {
                using var root = MountedVolume.Open(mountPoint);
                Unistd.SyncFileSystem(root);
                FindShut();
            },
            Step);
        try
        {
            if (!written.Wait(limit / 3))
            {
                writeError = "sync did not end";
            }
        }
        catch (AggregateException e)
        {
            writeError = e.InnerException?.Message;
        }
    }

    /// <summary>
    /// Where an error has shut the file system, Debian's kernels up to 6.12 sync it without a word and write nothing. A file without a name
    /// is what none of them makes then; a full one says so and is not shut.
    /// </summary>
    private void FindShut()
    {
        try
        {
            Fcntl.Open(mountPoint, Fcntl.Nameless | Fcntl.ReadWrite).Dispose();
        }
        catch (LinuxException e) when (e.Number is Errno.NoSpace or Errno.QuotaExceeded)
        {
        }
    }

    private LockOutcome.Busy? Unmount(VolumeLoops loops, TimeSpan time)
    {
        At("look for other mounts");
        if (HolderScan.RunMounts(loops, mountPoint) is { Count: > 0 } others)
        {
            return new LockOutcome.Busy(others, KeyAbsent);
        }

        At("unmount");
        TimeSpan patience = BootClock.Now + time;
        while (MountTable.Own().Any(m => m.Path == mountPoint && loops.Has(m.Device)))
        {
            try
            {
                Mount.Detach(mountPoint);
            }
            catch (LinuxException e) when (e.Number == Errno.Busy)
            {
                if (BootClock.Now >= patience)
                {
                    return Busy(loops);
                }

                Thread.Sleep(Pause);
            }
        }

        return null;
    }

    private LockOutcome Detach(VolumeLoops loops)
    {
        At("detach the loop device");
        loops.Detach();
        TimeSpan end = BootClock.Now + (limit < DetachLimit ? limit : DetachLimit);
        while (loops.Left(file, mountPoint) is { Any: true } left)
        {
            if (BootClock.Now >= end)
            {
                return Busy(left);
            }

            Thread.Sleep(Pause);
        }

        // The volume's pages went with its inodes; names may linger in the caches of directory entries.
        if (loops.Any)
        {
            At("drop caches");
            System.IO.File.WriteAllText("/proc/sys/vm/drop_caches", "2");
        }

        At("verify");
        while (Observation.KeyEntries(loops, known) is { Count: > 0 } && BootClock.Now < end)
        {
            Thread.Sleep(Pause);    // the kernel's collector of dead keys runs by itself
        }

        return Observation.Run(file, mountPoint, known).IsClosed ? new LockOutcome.Absent(writeError) : Busy(loops);
    }

    private LockOutcome.Busy Busy(VolumeLoops loops)
    {
        At("find what holds it");
        var holders = HolderScan.Run(loops, mountPoint);
        return new LockOutcome.Busy(
            holders.Count > 0 ? holders : [new Holder(0, string.Join(' ', loops.Devices.Keys.Select(Loop.PathOf)), HoldKind.Unseen, file)], KeyAbsent);
    }
}
