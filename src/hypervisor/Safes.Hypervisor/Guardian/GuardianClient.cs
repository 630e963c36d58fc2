using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Hypervisor.Guardian;

/// <summary>
/// The daemon's side of the guardian: a second process that closes the safe when the daemon cannot. All deadlines are
/// <see cref="BootClock.Now"/> values. Thread safe; calls are answered one after the other.
/// </summary>
public sealed class GuardianClient : IAsyncDisposable
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10), HelloLimit = TimeSpan.FromSeconds(3);

    private readonly Socket socket;
    private readonly SemaphoreSlim turn = new(1);
    private readonly PidFd process;
    private TaskCompletionSource<GuardianAnswer>? waiting;
    private int state;    // 0: wanted, 1: died or no longer wanted
    private GuardianClient? replaced;

    private GuardianClient(Socket socket, PidFd process, TimeSpan? until, bool strange)
    {
        this.socket = socket;
        this.process = process;
        FoundUntil = until;
        IsStrange = strange;
        new Thread(ReadAnswers, 128 * 1024) { IsBackground = true, Name = "guardian" }.Start();
    }

    /// <summary>Raised once, from a thread of its own, when the guardian ends (or no longer answers) while we still want it.</summary>
    public event Action? Died;

    /// <summary>The guardian's process.</summary>
    public int Pid => process.Pid;

    /// <summary>The deadline that it had when it was connected to; null: it was not armed.</summary>
    public TimeSpan? FoundUntil { get; }

    public bool IsAlive => Volatile.Read(ref state) == 0;

    /// <summary>Of another version of safed, or it does not answer: it can be asked nothing. It guards on until another one is armed in its
    /// place, or the safe was seen closed; then it is ended.</summary>
    public bool IsStrange { get; }

    /// <summary>Connects to the guardian that guards this safe already, or starts one, also beside a strange one.</summary>
    /// <exception cref="GuardianException">It did not come up within the limit (default 20 s).</exception>
    public static Task<GuardianClient> StartOrConnectAsync(GuardianOptions options, TimeSpan? limit = null) => Task.Run(() =>
    {
        TimeSpan time = limit ?? TimeSpan.FromSeconds(20);
        var found = TryConnect(options, HelloLimit);
        if (found is { IsStrange: false })
        {
            return found;
        }

        try
        {
            var started = Start(options, time);
            started.replaced = found;
            return started;
        }
        catch
        {
            found?.Release();    // it guards on
            throw;
        }
    });

    /// <summary>Connects to the guardian that guards this safe already; null when there is none.</summary>
    public static Task<GuardianClient?> FindAsync(GuardianOptions options) => Task.Run(() => TryConnect(options, HelloLimit));

    /// <summary>
    /// Tells the guardian what to guard, and by when the key must be gone: this deadline, also when it is earlier than the one before. With
    /// this process and its mount namespace. Returns once it acknowledged. To be called before the key is added, when the safe is open, and
    /// again by a daemon that adopts it.
    /// </summary>
    /// <remarks>The guardian begins before the deadline: 10 s, or a quarter of the time that is left when the deadline is set, if that is less.</remarks>
    /// <exception cref="GuardianException">Not acknowledged.</exception>
    public async Task ArmAsync(GuardedVolume volume, TimeSpan deadline)
    {
        using var self = PidFd.Open(Environment.ProcessId) ?? throw new InvalidOperationException();
        await ArmAsync(volume, deadline, self).ConfigureAwait(false);
    }

    /// <summary>A later deadline (an earlier one than the current is ignored: deadlines only grow).</summary>
    /// <exception cref="GuardianException">Not acknowledged: it has gone, or the deadline has passed already.</exception>
    public Task ExtendAsync(TimeSpan deadline) => DemandAsync(GuardianMessage.Extend(deadline));

    /// <summary>Processes to end with the safe: QEMU, virtiofsd. Added to those given before; ended ones are forgotten by themselves.</summary>
    /// <exception cref="GuardianException">Not acknowledged.</exception>
    public async Task HoldAsync(IReadOnlyList<PidFd> processes)
    {
        foreach (var some in processes.Chunk(GuardianMessage.MaxProcesses))
        {
            await DemandAsync(GuardianMessage.Hold(some), [.. some.Select(p => p.Handle)]).ConfigureAwait(false);
        }
    }

    /// <summary>True when the guardian has seen for itself that the volume is closed (key absent, mounted nowhere, no loop device) and stands down.</summary>
    public async Task<bool> DisarmAsync()
    {
        if (IsStrange)
        {
            Kill();    // the caller has seen it closed; at its deadline this one would meet the next opening
            return true;
        }

        bool done = await AskAsync([(byte)GuardianCall.Disarm]).ConfigureAwait(false) == GuardianAnswer.Done;
        if (done)
        {
            Interlocked.Exchange(ref replaced, null)?.Kill();
        }

        return done;
    }

    /// <summary>Ends a disarmed guardian (at shutdown of the daemon with a closed safe); false and no change when it is armed.</summary>
    public async Task<bool> EndAsync()
    {
        bool wanted = Interlocked.Exchange(ref state, 1) == 0;
        if (await AskAsync([(byte)GuardianCall.End]).ConfigureAwait(false) == GuardianAnswer.Done)
        {
            return true;
        }

        Volatile.Write(ref state, wanted ? 0 : 1);
        return false;
    }

    /// <summary>Lets go of the guardian, which goes on by itself while armed and ends otherwise.</summary>
    public ValueTask DisposeAsync()
    {
        Release();
        return ValueTask.CompletedTask;
    }

    private void Release()
    {
        Volatile.Write(ref state, 1);
        try
        {
            socket.Shutdown(SocketShutdown.Both);    // ends the thread that reads
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Gone already.
        }
    }

    internal async Task ArmAsync(GuardedVolume volume, TimeSpan deadline, PidFd daemon)
    {
        // By /proc and not by the pin's path: an open descriptor there would keep the pin's mount busy.
        using var mounts = Fcntl.Open("/proc/thread-self/ns/mnt", Fcntl.ReadOnly);
        await DemandAsync(GuardianMessage.Arm(volume, deadline), mounts, daemon.Handle).ConfigureAwait(false);
        Interlocked.Exchange(ref replaced, null)?.Kill();
    }

    private void Kill()
    {
        Volatile.Write(ref state, 1);
        try
        {
            process.Kill();
        }
        catch (ObjectDisposedException)
        {
            // It has ended.
        }
    }

    private static GuardianClient? TryConnect(GuardianOptions options, TimeSpan limit)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(options.Socket));
            Rights.Send(socket, [(byte)GuardianCall.Hello]);
            if (Poll.Wait([socket.SafeHandle], limit)[0])
            {
                byte[] answer = new byte[64];    // a newer one may have more to say
                var descriptors = new List<SafeFileHandle>();
                if (Rights.Receive(socket, answer, descriptors) >= GuardianMessage.HelloLength && descriptors is [var handle, ..])
                {
                    var (pid, until, version) = GuardianMessage.ReadHello(answer);
                    return new GuardianClient(socket, PidFd.Adopt(pid, handle), until == TimeSpan.Zero ? null : until, version != GuardianMessage.Version);
                }
            }
            else if (SilentGuardian(socket) is { } silent)
            {
                return new GuardianClient(socket, silent, null, strange: true);
            }
        }
        catch (SocketException)
        {
            // Nobody listens.
        }
        catch (LinuxException)
        {
            // It ended while we asked.
        }

        socket.Dispose();
        return null;
    }

    /// <summary>Who listens and does not answer: a guardian says that it is the one as it begins, before that it was the safed that started it.</summary>
    private static PidFd? SilentGuardian(Socket socket)
    {
        if (Rights.PeerOf(socket) is not { Pid: var pid } || PidFd.Open(pid) is not { } process)
        {
            return null;
        }

        // Read after the descriptor was taken: from here on the number cannot come to mean another process.
        if (File.Exists($"/proc/{pid}/cmdline") && File.ReadAllText($"/proc/{pid}/cmdline").Split('\0').Contains("guard", StringComparer.Ordinal))
        {
            return process;
        }

        process.Dispose();
        return null;
    }

    private static GuardianClient Start(GuardianOptions options, TimeSpan limit)
    {
        // The socket is made here and handed down, so it can be connected to at once.
        // Bound under another name first: .NET removes the name that it bound when it closes the socket.
        string first = options.Socket + ".new";
        File.Delete(first);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(first));
        File.SetUnixFileMode(first, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        listener.Listen(4);
        File.Move(first, options.Socket, overwrite: true);
        string[] program = [.. options.Program ?? OwnProgram.With("guard"), .. options.RebootOnFailure ? (string[])["--reboot"] : []];
        var environment = new Dictionary<string, string>(ChildStart.DefaultEnvironment)
        {
            ["DOTNET_EnableDiagnostics"] = "0",
            ["DOTNET_gcConcurrent"] = "0",
        };
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is { } root)
        {
            environment["DOTNET_ROOT"] = root;
        }

        using var child = Child.Start(new ChildStart(program[0], program[1..])
        {
            Descriptors = [listener.SafeHandle],
            LogFile = options.Log,
            Environment = environment,
        });
        listener.Dispose();    // the child's alone now: should it end, so does our connection
        return TryConnect(options, limit) is { IsStrange: false } started ? started : throw Failed(child, options);
    }

    private static GuardianException Failed(Child child, GuardianOptions options)
    {
        child.KillGroup();
        return new GuardianException($"did not start: {string.Join(" | ", File.ReadLines(options.Log).TakeLast(3))}");
    }

    private async Task DemandAsync(byte[] record, params System.Runtime.InteropServices.SafeHandle[] descriptors)
    {
        var answer = await AskAsync(record, descriptors).ConfigureAwait(false);
        if (answer != GuardianAnswer.Done)
        {
            throw new GuardianException($"{(GuardianCall)record[0]}: {answer}");
        }
    }

    private async Task<GuardianAnswer> AskAsync(byte[] record, params System.Runtime.InteropServices.SafeHandle[] descriptors)
    {
        if (IsStrange)
        {
            throw new GuardianException("of another version, or silent");
        }

        await turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var answer = new TaskCompletionSource<GuardianAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref waiting, answer);
            Rights.Send(socket, record, descriptors);
            return await answer.Task.WaitAsync(AnswerLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // One that does not answer is none. If it only slept it closes the safe at its deadline; that must not hit a later one.
            process.Kill();
            throw new GuardianException("does not answer and was ended");
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            throw new GuardianException($"has gone ({e.Message})");
        }
        finally
        {
            turn.Release();
        }
    }

    private void ReadAnswers()
    {
        byte[] answer = new byte[64];
        var descriptors = new List<SafeFileHandle>();
        try
        {
            while (Rights.Receive(socket, answer, descriptors) > 0)
            {
                Volatile.Read(ref waiting)?.TrySetResult((GuardianAnswer)answer[0]);
            }
        }
        catch (LinuxException)
        {
            // As good as its end.
        }

        bool wanted = Interlocked.Exchange(ref state, 1) == 0;
        Volatile.Read(ref waiting)?.TrySetException(new GuardianException("has gone"));
        process.Dispose();
        socket.Dispose();
        if (wanted)
        {
            Died?.Invoke();
        }
    }
}
