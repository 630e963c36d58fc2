using Microsoft.Extensions.Logging;

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
        string level = logLevel switch
        {
            LogLevel.Critical or LogLevel.Error => "<3>",
            LogLevel.Warning => "<4>",
            LogLevel.Information => "<6>",
            _ => "<7>",
        };
        string head = Journal ? level : $"{DateTimeOffset.Now:HH:mm:ss.fff} ";
        string text = $"{head}{eventId.Name ?? "log"}: {formatter(state, exception)}{(exception is null ? "" : $" | {exception}")}";
        Console.Error.WriteLine(Journal ? text.ReplaceLineEndings(" | ") : text);
    }

    public void Dispose()
    {
    }
}
