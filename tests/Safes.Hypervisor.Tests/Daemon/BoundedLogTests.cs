using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Tests.Vaults;

namespace Safes.Hypervisor.Tests.Daemon;

public sealed class BoundedLogTests
{
    private readonly ManualClock clock = new();

    [Fact]
    public void However_often_something_is_caused_a_minute_it_is_logged_a_bounded_number_of_times_and_what_was_left_out_is_told()
    {
        var written = new Written();
        using var bounded = new BoundedLog(written, clock);
        var log = bounded.CreateLogger("connections");
        for (int i = 0; i < 5000; i++)
        {
            log.Log(LogLevel.Error, new EventId(7), new InvalidOperationException(new string('x', 10_000)), "malformed");
            log.LogWarning(new EventId(8), "refused");
        }

        Assert.Equal(2 * BoundedLog.Lines, written.Lines.Count);
        Assert.True(written.Lines.Sum(l => l.Length) < 100_000);
        clock.SinceBoot += TimeSpan.FromMinutes(1);
        log.Log(LogLevel.Error, new EventId(7), null, "malformed");
        Assert.Equal($"({5000 - BoundedLog.Lines} more like this were left out) malformed", written.Lines[^1]);
    }

    [Fact]
    public void One_that_fills_its_part_takes_nobody_elses()
    {
        var bound = new LineBound(clock, most: 10);
        Assert.Equal(10, Enumerable.Range(0, 1000).Count(_ => bound.Takes("laptop", out long _)));
        Assert.True(bound.Takes("desk", out long left));
        Assert.Equal(0, left);
        Assert.True(Enumerable.Range(0, 100_000).Count(i => bound.Takes($"{i}", out long _)) <= 1010);    // kinds that never end are one
    }

    private sealed class Written : ILoggerProvider, ILogger
    {
        public List<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
