using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>
/// A process that is killed and does not end until this is disposed of, as one does that waits in the kernel for a device: it is traced, and
/// stops where it has begun to exit (PTRACE_EVENT_EXIT of ptrace(2)), where no signal reaches it any more.
/// </summary>
internal sealed class HeldAtItsEnd : IDisposable
{
    private const string Tracer = """
        import ctypes, os, signal, sys
        SEIZE, CONT, TRACE_EXIT, ALL = 0x4206, 7, 0x40, 0x40000000
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        leader = int(sys.argv[1])
        for thread in map(int, os.listdir(f"/proc/{leader}/task")):
            if libc.ptrace(SEIZE, thread, None, TRACE_EXIT) != 0:
                raise OSError(ctypes.get_errno(), "ptrace")
        open(sys.argv[2] + "/held", "w")
        while True:
            thread, status = os.waitpid(-1, ALL)
            if thread == leader and status >> 8 == 5 | 6 << 8:
                open(sys.argv[2] + "/ending", "w")
                signal.pause()
            if os.WIFSTOPPED(status):
                libc.ptrace(CONT, thread, None, None if status >> 16 else os.WSTOPSIG(status))
        """;

    private readonly DirectoryInfo place = Directory.CreateTempSubdirectory("safes-held-");
    private readonly Child tracer;

    private HeldAtItsEnd(int pid) => tracer = Child.Start(new ChildStart("python3", ["-c", Tracer, $"{pid}", place.FullName]));

    public static async Task<HeldAtItsEnd> OfAsync(int pid)
    {
        var held = new HeldAtItsEnd(pid);
        await held.SaysAsync("held", RealSafe.Patience);
        return held;
    }

    /// <summary>Until somebody has killed it.</summary>
    public Task EndingAsync(TimeSpan limit) => SaysAsync("ending", limit);

    /// <summary>Whom nobody traces any more goes on: it ends.</summary>
    public void Dispose()
    {
        tracer.Kill();
        tracer.Dispose();
        place.Delete(recursive: true);
    }

    private async Task SaysAsync(string word, TimeSpan limit)
    {
        for (var end = BootClock.Now + limit; !File.Exists(Path.Combine(place.FullName, word)); await Task.Delay(20))
        {
            Assert.True(BootClock.Now < end && !tracer.Exited.IsCompleted, $"it is not yet {word}");
        }
    }
}
