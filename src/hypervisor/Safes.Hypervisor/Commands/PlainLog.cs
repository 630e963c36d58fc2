using Microsoft.Extensions.Logging;
using Safes.Contracts;

namespace Safes.Hypervisor.Commands;

/// <summary>Log lines on standard error, with the level as journald reads it and no time, which journald has; a terminal gets the time.</summary>
internal sealed class PlainLog : ILoggerProvider, ILogger
{
    private static readonly bool Journal = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is { Length: > 0 };

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        // Together, so that lines of two threads do not mix.
        Console.Error.WriteLine(Format(Journal, DateTimeOffset.Now, logLevel, eventId.Name ?? "log", formatter(state, exception), exception));
    }

    /// <summary>What others have a part in (a guest, a member's device, a file's name) can neither begin a line of its own nor tell a terminal anything.</summary>
    internal static string Format(bool journal, DateTimeOffset now, LogLevel logLevel, string name, string message, Exception? exception)
    {
        string level = logLevel switch
        {
            LogLevel.Critical or LogLevel.Error => "<3>",
            LogLevel.Warning => "<4>",
            LogLevel.Information => "<6>",
            _ => "<7>",
        };
        string text = $"{name}: {message}{(exception is null ? "" : $" | {exception}")}".ReplaceLineEndings("\n");
        return (journal ? level : $"{now:HH:mm:ss.fff} ") + Printable.Text(text).Replace("\n", journal ? " | " : "\n    ", StringComparison.Ordinal);
    }

    public void Dispose()
    {
    }
}
