using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>
/// The one home of child processes. A thread of its own enters the namespaces, spawns and ends. The child leads its own
/// session, so that <see cref="KillGroup"/> reaches what it started; its death is seen by pidfd and reaped at once.
/// </summary>
public sealed class Child : IDisposable
{
    private readonly PidFd pidfd;

    private Child(string program, PidFd pidfd)
    {
        Program = program;
        this.pidfd = pidfd;
        var ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        Exited = ended.Task;
        new Thread(
            () =>
            {
                try
                {
                    ended.SetResult(Spawn.Wait(pidfd.Pid));
                }
                catch (Exception e)
                {
                    ended.SetException(e);
                }
            },
            128 * 1024)
        { IsBackground = true, Name = $"wait {program}" }.Start();
    }

    public string Program { get; }

    public int Pid => pidfd.Pid;

    public PidFd PidFd => pidfd;

    /// <summary>Completes with the exit status, or 128 + the signal's number.</summary>
    public Task<int> Exited { get; }

    /// <summary>Starts a child. A missing program, a namespace that is gone and the like are a <see cref="LinuxException"/> at once.</summary>
    public static Child Start(ChildStart start)
    {
        if (start.NoCore)
        {
            Hardening.NoCore();     // handed down: afterwards it may be another user's
        }

        int standard = 3 + start.Descriptors.Count;
        var held = new List<SafeFileHandle>();
        try
        {
            using var nothing = Fcntl.Open("/dev/null", Fcntl.ReadWrite);
            using var log = start.LogFile is null ? null : OpenLog(start.LogFile);
            System.Runtime.InteropServices.SafeHandle[] wanted =
                [start.Input ?? nothing, start.Output ?? log ?? nothing, start.Error ?? log ?? nothing, .. start.Descriptors];
            foreach (var handle in wanted)
            {
                held.Add(Fcntl.Duplicate(handle, standard));    // no source may lie where another one goes
            }

            int[] numbers = [.. held.Select(h => (int)h.DangerousGetHandle())];
            int pid = Sched.InOwnThread(() =>
            {
                if (start.NetworkNamespace is { } network)
                {
                    Sched.Enter(network, Sched.NewNetwork);
                }

                if (start.View is { } view)
                {
                    Sched.Unshare(Sched.NewMount | Sched.SharedFileSystemState);
                    Mount.Attach("none", "/", null, Mount.Recursive | Mount.Private);
                    view();
                }

                if (start.NoHugePages)
                {
                    Seccomp.NoHugePages();
                }

                return Spawn.Start(start.Program, start.Arguments, start.Environment.Select(e => $"{e.Key}={e.Value}"), numbers,
                    start.WorkingDirectory);
            });
            return new Child(start.Program, PidFd.Open(pid) ?? throw new LinuxException("pidfd_open", start.Program, Errno.NoProcess));
        }
        finally
        {
            held.ForEach(h => h.Dispose());
        }
    }

    /// <summary>A file for what a child says. Others may write to its directory, so it may be anything: a pipe that nobody reads would be waited for for ever.</summary>
    /// <exception cref="LinuxException">It is no regular file, or cannot be opened.</exception>
    public static SafeFileHandle OpenLog(string file)
    {
        var log = Fcntl.Open(file, Fcntl.WriteOnly | Fcntl.Append | Fcntl.Create | Fcntl.NoFollow | Fcntl.NonBlock);
        if (Stat.Of(log).IsRegular)
        {
            return log;
        }

        log.Dispose();
        throw new LinuxException("open", file, Errno.Invalid);
    }

    public void Signal(int signal) => pidfd.Signal(signal);

    public void Kill() => pidfd.Kill();

    /// <summary>Kills the child and all that it started in its process group.</summary>
    public void KillGroup()
    {
        if (!Exited.IsCompleted)
        {
            SignalNumbers.KillGroup(Pid);
        }

        pidfd.Kill();
    }

    /// <summary>The exit status, or null when the child still runs after <paramref name="limit"/>.</summary>
    public async Task<int?> WaitAsync(TimeSpan limit)
    {
        var first = await Task.WhenAny(Exited, Task.Delay(limit)).ConfigureAwait(false);
        return first == Exited ? await Exited.ConfigureAwait(false) : null;
    }

    public void Dispose() => pidfd.Dispose();
}
