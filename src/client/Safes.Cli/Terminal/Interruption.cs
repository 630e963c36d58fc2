using System.Runtime.InteropServices;

namespace Safes.Cli.Terminal;

/// <summary>
/// Ctrl-C, SIGTERM and SIGHUP: the terminal is put back at once, what is under way is cancelled, and the program ends within a
/// second whatever hangs.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;
    private Timer? limit;

    public Interruption()
    {
        registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, c => Interrupt(c, 130)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => Interrupt(c, 143)),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, c => Interrupt(c, 129)),
        ];
    }

    public CancellationToken Token => source.Token;

    /// <summary>The exit status: 128 + the signal's number; 0 while nothing interrupted.</summary>
    public int Exit { get; private set; }

    /// <summary>How long what is under way may take to end.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromMilliseconds(800);

    /// <summary>What puts the terminal back while it is not as it was found.</summary>
    public Action? Restore { get; set; }

    /// <summary>Ends what waits as Ctrl-C would.</summary>
    public void Interrupt(int exit)
    {
        Exit = exit;
        Restore?.Invoke();
        limit ??= new Timer(_ => Environment.Exit(exit), null, (int)Patience.TotalMilliseconds, Timeout.Infinite);
        source.Cancel();
    }

    public void Dispose()
    {
        limit?.Dispose();
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }

        source.Dispose();
    }

    private void Interrupt(PosixSignalContext context, int exit)
    {
        context.Cancel = true;
        Interrupt(exit);
    }
}
