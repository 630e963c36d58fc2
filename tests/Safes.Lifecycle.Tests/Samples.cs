namespace Safes.Lifecycle.Tests;

/// <summary>Small values that print the same everywhere. Times are seconds.</summary>
internal static class Samples
{
    public static Terms Times { get; } = new(S(2), S(3), S(3), S(1), Reboots: false);

    public static TimeSpan S(int seconds) => TimeSpan.FromSeconds(seconds);

    public static SessionId Id(int n) => new(new Guid(n, 0, 0, new byte[8]));

    public static Device Device(int n) => new(new Guid(n, 0, 0, new byte[8]));

    public static AwaitedSession Kept(int n) => new(Id(n), Device(n));

    public static Session Session(int n, int until) => new(Id(n), Device(n), S(until), S(1000));
}
