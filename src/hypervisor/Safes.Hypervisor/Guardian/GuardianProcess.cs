using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Hypervisor.Guardian;

/// <summary>
/// The guardian itself: `safed guard`, dispatched before anything else of the daemon is touched. Waits for records and for the deadline, in
/// one thread; at the deadline it closes the safe and ends.
/// </summary>
public sealed class GuardianProcess : IDisposable
{
    private const int ListenerDescriptor = 3, MaxConnections = 8;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1), MaxMargin = TimeSpan.FromSeconds(10), IdleLimit = TimeSpan.FromMinutes(1);

    private readonly Socket listener = new(new SafeSocketHandle(ListenerDescriptor, ownsHandle: true));
    private readonly List<Socket> connections = [];
    private readonly LastResort? reboot;
    private Guarded? guarded;

    private GuardianProcess(bool reboot)
    {
        this.reboot = reboot ? new LastResort() : null;
        listener.Listen(MaxConnections);    // again: whoever connects sees that this process listens, should it ever not answer
    }

    /// <summary>Runs until disarmed and without a daemon, or until it has closed the safe. Returns the exit status.</summary>
    public static int Run(IReadOnlyList<string> arguments)
    {
        if (!arguments.All(a => a == "--reboot"))
        {
            Log("usage: safed guard [--reboot], with a listening socket as descriptor 3; started by safed itself");
            return 2;
        }

        Hardening.Apply();
        Spare();
        using var guardian = new GuardianProcess(arguments.Contains("--reboot"));
        // Whoever stops the service stops the daemon, which closes the safe and lets us go. Until then we stay.
        Action<PosixSignalContext> stay = context => context.Cancel = true;
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, stay);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, stay);
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, stay);
        return guardian.Loop();
    }

    public void Dispose()
    {
        connections.ForEach(c => c.Dispose());
        listener.Dispose();
        guarded?.Dispose();
    }

    internal static void Log(string text)
    {
        using var error = new SafeFileHandle(2, ownsHandle: false);
        try
        {
            Unistd.Write(error, Encoding.UTF8.GetBytes($"{DateTime.UtcNow:yyyy-MM-dd HH:mm:ss.fff}Z guardian[{Environment.ProcessId}] {text}\n"));
        }
        catch (LinuxException)
        {
            // A full disk must not keep the safe open.
        }
    }

    // The last one that the kernel should end for want of memory.
    private static void Spare()
    {
        try
        {
            File.WriteAllText("/proc/self/oom_score_adj", "-1000");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log($"not spared when memory runs out: {e.Message}");    // wants CAP_SYS_RESOURCE
        }
    }

    private int Loop()
    {
        while (true)
        {
            if (guarded is { } due && BootClock.Now >= due.Begin)
            {
                connections.ForEach(c => c.Dispose());    // from now on nobody is listened to
                listener.Dispose();
                return due.Close(reboot);
            }

            // Short, because poll's clock stands still while the machine sleeps and the deadline's does not.
            bool[] ready = Poll.Wait([listener.SafeHandle, .. connections.Select(c => c.SafeHandle)], Left());
            if (guarded is null && connections.Count == 0 && !ready[0])
            {
                return 0;    // started, but nobody came
            }

            foreach (var connection in connections.Where((_, i) => ready[i + 1]).ToList())
            {
                if (!Serve(connection))
                {
                    connections.Remove(connection);
                    connection.Dispose();
                    if (guarded is null && connections.Count == 0)
                    {
                        return 0;    // its daemon has gone, and there is nothing to guard
                    }
                }
            }

            if (ready[0])
            {
                Accept();
            }
        }
    }

    private TimeSpan Left()
    {
        if (guarded is null)
        {
            return IdleLimit;
        }

        TimeSpan left = guarded.Begin - BootClock.Now;
        return left < Tick ? left : Tick;
    }

    private void Accept()
    {
        var connection = listener.Accept();
        // The socket's mode and directory let only root in; this is the second lock on the door.
        if (Rights.PeerOf(connection) is not { User: 0 } || connections.Count == MaxConnections)
        {
            connection.Dispose();
            return;
        }

        connections.Add(connection);
    }

    private bool Serve(Socket connection)
    {
        byte[] record = new byte[GuardianMessage.Limit];
        var descriptors = new List<SafeFileHandle>();
        try
        {
            int n = Rights.Receive(connection, record, descriptors);
            if (n == 0)
            {
                return false;
            }

            return Answer(connection, record.AsSpan(0, n), descriptors);
        }
        catch (LinuxException)
        {
            return false;
        }
        catch (Exception e) when (e is ArgumentException or OverflowException)
        {
            Log($"malformed record: {e.Message}");
            return false;
        }
        finally
        {
            descriptors.ForEach(d => d.Dispose());    // those that are kept were taken out of the list
        }
    }

    private bool Answer(Socket connection, ReadOnlySpan<byte> record, List<SafeFileHandle> descriptors)
    {
        var answer = GuardianAnswer.Refused;
        switch ((GuardianCall)record[0])
        {
            case GuardianCall.Hello:
                using (var self = PidFd.Open(Environment.ProcessId)!)
                {
                    Rights.Send(connection, GuardianMessage.Hello(Environment.ProcessId, guarded?.Deadline ?? TimeSpan.Zero), self.Handle);
                }

                return true;
            case GuardianCall.Arm when descriptors.Count == 2:
                answer = Arm(record, descriptors);
                break;
            case GuardianCall.Extend when guarded is not null:
                guarded.Extend(GuardianMessage.ReadDeadline(record), MaxMargin);
                answer = GuardianAnswer.Done;
                break;
            case GuardianCall.Hold when guarded is not null:
                for (int i = 0; descriptors.Count > 0; i++)
                {
                    guarded.Hold(GuardianMessage.ReadPid(record, i), descriptors[0]);
                    descriptors.RemoveAt(0);
                }

                answer = GuardianAnswer.Done;
                break;
            case GuardianCall.Disarm:
                answer = Disarm();
                break;
            case GuardianCall.End when guarded is null:
                Rights.Send(connection, [(byte)GuardianAnswer.Done]);
                return false;
            default:
                break;
        }

        if (guarded is { } due && BootClock.Now >= due.Begin)
        {
            answer = GuardianAnswer.Expired;
        }

        Rights.Send(connection, [(byte)answer]);
        return true;
    }

    private GuardianAnswer Arm(ReadOnlySpan<byte> record, List<SafeFileHandle> descriptors)
    {
        var (deadline, volume) = GuardianMessage.ReadArm(record);
        if (guarded is not null && guarded.Volume != volume)
        {
            return GuardianAnswer.Refused;
        }

        if (guarded is null)
        {
            guarded = new Guarded(volume);
            guarded.Rehearse();
        }

        guarded.Attend(descriptors[0], descriptors[1], deadline, MaxMargin);
        descriptors.Clear();
        Log($"armed: {volume.File}, {(deadline - BootClock.Now).TotalSeconds:0.0} s");
        return GuardianAnswer.Done;
    }

    private GuardianAnswer Disarm()
    {
        if (guarded is null)
        {
            return GuardianAnswer.Done;
        }

        if (!guarded.IsClosed())
        {
            Log("not disarmed: the volume is not closed");
            return GuardianAnswer.Refused;
        }

        Log("disarmed");
        guarded.Dispose();
        guarded = null;
        return GuardianAnswer.Done;
    }
}
