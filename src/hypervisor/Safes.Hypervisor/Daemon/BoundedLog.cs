using Microsoft.Extensions.Logging;

namespace Safes.Hypervisor.Daemon;

/// <summary>What a server of ours logs by itself about connections and calls, at most so many lines of each event a minute, whoever causes them.</summary>
internal sealed class BoundedLog(ILoggerProvider inner, TimeProvider clock) : ILoggerProvider
{
    /// <summary>Of one event, a minute.</summary>
    public const int Lines = 20;

    /// <summary>Of an exception's text that is written, in characters.</summary>
    public const int LongestCause = 1000;

    private readonly LineBound bound = new(clock, Lines);

    public ILogger CreateLogger(string categoryName) => new Bounded(categoryName, inner.CreateLogger(categoryName), bound);

    // The inner one is not this one's: it is shared.
    public void Dispose()
    {
    }

    private sealed class Bounded(string category, ILogger log, LineBound bound) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => log.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => log.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (log.IsEnabled(logLevel) && bound.Takes($"{category} {eventId.Id}", out long left))
            {
                string text = formatter(state, exception), cause = exception is null ? "" : $" | {exception}";
                cause = cause.Length > LongestCause ? cause[..LongestCause] + " .." : cause;
                text = (text.Length > LongestCause ? text[..LongestCause] + " .." : text) + cause;
                log.Log(logLevel, eventId, left == 0 ? text : $"({left} more like this were left out) {text}", null, (t, _) => t);
            }
        }
    }
}
