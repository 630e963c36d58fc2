using Microsoft.Win32.SafeHandles;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Guardian;

/// <summary>What the guardian guards: a volume, by when it must be closed, who has to end for that, and how it is closed.</summary>
internal sealed class Guarded(GuardedVolume volume) : IDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(3), LockLimit = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromMilliseconds(100),
        ObserveLimit = TimeSpan.FromSeconds(5), LeastTime = TimeSpan.FromSeconds(5);

    private readonly FscryptVolume fscrypt = new(volume.File, volume.MountPoint);
    private readonly List<PidFd> hosts = [];
    private SafeFileHandle? mounts;
    private PidFd? daemon;

    internal GuardedVolume Volume => volume;

    /// <summary>By when the key must be gone.</summary>
    internal TimeSpan Deadline { get; private set; }

    /// <summary>When closing begins.</summary>
    internal TimeSpan Begin { get; private set; }

    /// <summary>Takes the descriptors of the daemon that is now responsible: its mount namespace and its process.</summary>
    internal void Attend(SafeFileHandle mountNamespace, SafeFileHandle process, TimeSpan until, TimeSpan maxMargin)
    {
        mounts?.Dispose();
        daemon?.Dispose();
        mounts = mountNamespace;
        daemon = PidFd.Adopt(0, process);
        Deadline = TimeSpan.Zero;    // arming sets it: what opening might have taken is no measure for an open safe
        Extend(until, maxMargin);
    }

    /// <summary>Deadlines only grow. Closing begins before: by the margin, or a quarter of what is left when that is less.</summary>
    internal void Extend(TimeSpan until, TimeSpan maxMargin)
    {
        if (until > Deadline)
        {
            Deadline = until;
            TimeSpan quarter = (until - BootClock.Now) / 4;
            Begin = until - (quarter < maxMargin ? quarter : maxMargin);
        }
    }

    internal void Hold(int pid, SafeFileHandle process)
    {
        foreach (var ended in hosts.Where(h => h.WaitForEnd(TimeSpan.Zero)).ToList())
        {
            hosts.Remove(ended);
            ended.Dispose();
        }

        hosts.Add(PidFd.Adopt(pid, process));
    }

    /// <summary>Whether the kernel says that the volume is closed. False too when the kernel does not answer.</summary>
    internal bool IsClosed()
    {
        try
        {
            return InMounts(mounts!, ObserveLimit, () => fscrypt.Observe(volume.Key).IsClosed);
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            GuardianProcess.Log(e.Message);
            return false;
        }
    }

    /// <summary>
    /// Goes once through what closing does, with a volume that is not there, so that no code has to be loaded and compiled in the moment
    /// when memory or disk may be short.
    /// </summary>
    internal void Rehearse()
    {
        var nothing = new FscryptVolume(volume.File + ".rehearsal", volume.MountPoint + ".rehearsal");
        nothing.LockAsync(LockLimit).Wait(LockLimit);
        nothing.FindHolders();
    }

    /// <summary>Ends hosts and daemon and closes the volume; returns when the kernel says that it is closed.</summary>
    /// <param name="reboot">Who reboots the server when the deadline finds it open, having given it five seconds at the least; null: nobody.</param>
    internal int Close(LastResort? reboot)
    {
        TimeSpan start = BootClock.Now;
        GuardianProcess.Log("the deadline has come: closing the safe");
        reboot?.RebootAt(Deadline > start + LeastTime ? Deadline : start + LeastTime);
        End([.. hosts, daemon!]);
        string last = "";
        while (true)
        {
            var outcome = Lock();
            if (outcome is LockOutcome.Absent && IsClosed())
            {
                reboot?.CallOff();
                GuardianProcess.Log($"closed after {(BootClock.Now - start).TotalSeconds:0.00} s");
                return 0;
            }

            string now = outcome is LockOutcome.Busy { Holders: var holders } ? string.Join("; ", holders) : $"{outcome}";
            if (now != last)
            {
                GuardianProcess.Log($"not closed yet: {now}");
                last = now;
            }

            if (outcome is LockOutcome.Busy busy)
            {
                Release(busy.Holders);
            }

            Thread.Sleep(Pause);
        }
    }

    public void Dispose()
    {
        mounts?.Dispose();
        daemon?.Dispose();
        hosts.ForEach(h => h.Dispose());
    }

    private static void End(IReadOnlyList<PidFd> processes)
    {
        foreach (var process in processes)
        {
            process.Kill();
        }

        TimeSpan end = BootClock.Now + EndLimit;
        foreach (var process in processes)
        {
            process.WaitForEnd(end - BootClock.Now);    // one that waits in the kernel ends later, or never
        }
    }

    private LockOutcome Lock()
    {
        try
        {
            return InMounts(mounts!, LockLimit * 2, () => fscrypt.Lock(LockLimit, volume.Key));
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            return new LockOutcome.Unreachable(e.Message, KeyAbsent: false);
        }
    }

    // The daemon is dead and the time is up: what still holds the volume is made to let go, before the whole server would have to.
    private void Release(IReadOnlyList<Holder> holders)
    {
        foreach (var holder in holders)
        {
            try
            {
                GuardianProcess.Log($"releasing {holder}");
                switch (holder.Kind)
                {
                    case HoldKind.OtherNamespace:
                        using (var other = Fcntl.Open($"/proc/{holder.Pid}/ns/mnt", Fcntl.ReadOnly))
                        {
                            Unmount(other, holder.Path);
                        }

                        break;
                    case HoldKind.PinnedNamespace:
                        using (var pinned = Fcntl.Open(holder.Command, Fcntl.ReadOnly))
                        {
                            Unmount(pinned, holder.Path);
                        }

                        break;
                    case HoldKind.SecondMount:
                        Unmount(mounts!, holder.Path);
                        break;
                    case HoldKind.LoopDevice when int.TryParse(holder.Command.AsSpan("/dev/loop".Length), out int number) && Loop.Find(number) is { } backing:
                        Loop.Detach(number, backing);
                        break;
                    case HoldKind.Unseen or HoldKind.LoopDevice:
                        break;
                    default:
                        EndHolder(holder);
                        break;
                }
            }
            catch (Exception e) when (e is IOException or TimeoutException)
            {
                GuardianProcess.Log(e.Message);
            }
        }
    }

    private static void Unmount(SafeFileHandle mountNamespace, string path) => InMounts(mountNamespace, LockLimit, () =>
    {
        Mount.Detach(path);
        return true;
    });

    private static void EndHolder(Holder holder)
    {
        if (holder.Pid <= 1 || holder.Pid == Environment.ProcessId)
        {
            return;
        }

        using var process = PidFd.Open(holder.Pid);
        // Looked at again once it cannot be confused with a later process of the same number.
        if (process is not null && File.Exists($"/proc/{holder.Pid}/comm") && File.ReadAllText($"/proc/{holder.Pid}/comm").TrimEnd('\n') == holder.Command)
        {
            End([process]);
        }
    }

    private static T InMounts<T>(SafeFileHandle mountNamespace, TimeSpan limit, Func<T> work) =>
        Sched.StartInMounts(mountNamespace, work).WaitAsync(limit).GetAwaiter().GetResult();
}
