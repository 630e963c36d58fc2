using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Within;

/// <summary>
/// What the inside says on standard error, which stays on the server when the safe is closed: what kind of thing happened and where in the
/// program, never a name, a path or a word of anybody's. The whole of it goes into log/inside on the volume, while there is one.
/// </summary>
public sealed class InsideLog : ILoggerProvider, ILogger
{
    /// <summary>In bytes: then the file begins anew.</summary>
    private const long Longest = 1 << 20;

    private const string File = "log/inside";

    private readonly Lock gate = new();
    private VolumeDirectory? volume;

    /// <summary>From now on the whole of it is kept there; null: no longer.</summary>
    public void KeepOn(VolumeDirectory? root)
    {
        lock (gate)
        {
            volume = root;
        }
    }

    public void Trouble(Exception e, string what) => Write("trouble", what, e);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && logLevel != LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Write(eventId.Name ?? "log", formatter(state, exception), exception);
        }
    }

    public void Dispose()
    {
    }

    /// <summary>What of a failure names nobody and nothing: its kind, its code or the kernel's number, and the line of the program.</summary>
    internal static string Kind(Exception? e) => e switch
    {
        null => "",
        AggregateException { InnerExceptions.Count: 1 } a => Kind(a.InnerExceptions[0]),
        FaultException f => f.Code.Code,
        LinuxException l => $"{l.Call}: errno {l.Number}",
        _ => e.GetType().Name,
    };

    private void Write(string name, string message, Exception? e)
    {
        string place = e?.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains(" Safes.", StringComparison.Ordinal))?.Trim() ?? "";
        int file = place.IndexOf(" in ", StringComparison.Ordinal);
        Console.Error.WriteLine($"inside: {name}: {Kind(e)} {(file < 0 ? place : place[..file])}".TrimEnd());
        lock (gate)
        {
            try
            {
                Keep($"{DateTimeOffset.UtcNow:yyyy-MM-dd HH:mm:ss} {name}: {Printable.Line(message)} {Printable.Line(e?.ToString() ?? "")}".TrimEnd() + "\n");
            }
            catch (IOException)
            {
                // A full or broken volume has other ways to be noticed.
            }
        }
    }

    private void Keep(string line)
    {
        if (volume is not { } root)
        {
            return;
        }

        using var log = root.OpenFile(File, write: true, create: true);
        long length = RandomAccess.GetLength(log);
        if (length > Longest)
        {
            RandomAccess.SetLength(log, length = 0);
        }

        RandomAccess.Write(log, System.Text.Encoding.UTF8.GetBytes(line), length);
    }
}
