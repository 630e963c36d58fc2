using Microsoft.Extensions.Logging;

namespace Safes.Hypervisor.Daemon;

internal static partial class DaemonLog
{
    [LoggerMessage(1, LogLevel.Information, "{Before} -> {After} by {What} {Detail}", EventName = "state")]
    public static partial void StateChanged(this ILogger log, string before, string after, string what, string detail);

    [LoggerMessage(2, LogLevel.Debug, "{Effect}: {Milliseconds:0} ms, given up: {Abandoned}", EventName = "effect")]
    public static partial void EffectPerformed(this ILogger log, string effect, double milliseconds, bool abandoned);

    [LoggerMessage(3, LogLevel.Warning, "{Effect} failed after {Milliseconds:0} ms", EventName = "effect-failed")]
    public static partial void EffectFailed(this ILogger log, Exception why, string effect, double milliseconds);

    [LoggerMessage(4, LogLevel.Information, "safed {Version} for '{Name}', pid {Pid}", EventName = "start")]
    public static partial void Started(this ILogger log, string version, string name, int pid);

    [LoggerMessage(5, LogLevel.Warning, "{File} is left from another run ({Content}); going on", EventName = "stale-lock")]
    public static partial void StaleLock(this ILogger log, string file, string content);

    [LoggerMessage(6, LogLevel.Error, "{Call} failed", EventName = "call-failed")]
    public static partial void CallFailed(this ILogger log, Exception why, string call);

    [LoggerMessage(7, LogLevel.Information, "Session {Session} of {Device} ended: {Reason}", EventName = "session-ended")]
    public static partial void SessionEnded(this ILogger log, string session, string device, string reason);

    [LoggerMessage(8, LogLevel.Information, "Session {Session} of {Device} began", EventName = "session-began")]
    public static partial void SessionBegan(this ILogger log, string session, string device);

    [LoggerMessage(9, LogLevel.Warning, "The gateway is {State}", EventName = "gateway")]
    public static partial void GatewayChanged(this ILogger log, string state);

    [LoggerMessage(10, LogLevel.Warning, "{What}", EventName = "trouble")]
    public static partial void Trouble(this ILogger log, Exception? why, string what);
}
