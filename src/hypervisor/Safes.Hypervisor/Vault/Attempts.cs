using Safes.Contracts;
using Safes.Keys;
using Safes.Linux;

namespace Safes.Hypervisor.Vaults;

/// <summary>
/// How often each device guessed: charged durably before a password is checked, forgotten when it was right. Three tries are free,
/// then a device waits a minute, doubling to an hour. One device's counter is a file of its own and touches no other.
/// </summary>
internal sealed class Attempts(IFileOperations files, string directory, TimeProvider clock, string bootId)
{
    public const int FreeTries = 3;

    private const int MostBytes = 256;

    private static readonly TimeSpan FirstWait = TimeSpan.FromMinutes(1), LongestWait = TimeSpan.FromHours(1);

    /// <summary>Before the device has to wait.</summary>
    public int TriesLeft(DeviceId device) => Math.Max(0, FreeTries - Read(device).Failures);

    /// <summary>Zero when the device may try now.</summary>
    public TimeSpan Wait(DeviceId device) => Wait(Read(device));

    /// <summary>Counts one attempt, durably.</summary>
    /// <returns>How many tries are left if this one fails, and how long the device will have to wait then.</returns>
    /// <exception cref="FaultException"><see cref="FaultCodes.TooManyTries"/>: it has to wait; nothing was counted.</exception>
    public (int Tries, TimeSpan Wait) Charge(DeviceId device)
    {
        var before = Read(device);
        if (Wait(before) is var wait && wait > TimeSpan.Zero)
        {
            throw new FaultException(FaultCodes.TooManyTries, ("seconds", Seconds(wait)));
        }

        var charged = Now(before.Failures + 1);
        try
        {
            files.Replace(PathOf(device), charged.Write());
        }
        catch (LinuxException e) when (e.Number == Errno.NoSpace)
        {
            throw new FaultException(FaultCodes.NoRoom, ("where", directory));
        }

        return (Math.Max(0, FreeTries - charged.Failures), Wait(charged));
    }

    /// <summary>The password was right. Not synced: a charge that comes back after a power cut costs one try.</summary>
    public void Refund(DeviceId device) => files.Delete(PathOf(device));

    /// <summary>Whole seconds, rounded up.</summary>
    public static string Seconds(TimeSpan wait) => ((long)Math.Ceiling(wait.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);

    private TimeSpan Wait(Record record)
    {
        if (record.Failures < FreeTries)
        {
            return TimeSpan.Zero;
        }

        int doublings = Math.Min(record.Failures - FreeTries, 20);
        var delay = TimeSpan.FromTicks(Math.Min(FirstWait.Ticks << doublings, LongestWait.Ticks));
        var now = Now(0);
        // In one boot the wall clock has no say; from another boot it is all there is, and a clock that went back counts as no time.
        long elapsed = now.BootId == record.BootId ? now.BootMilliseconds - record.BootMilliseconds : now.UnixMilliseconds - record.UnixMilliseconds;
        var left = delay - TimeSpan.FromMilliseconds(Math.Max(0, elapsed));
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private Record Read(DeviceId device)
    {
        try
        {
            return files.Read(PathOf(device), MostBytes) is { } bytes ? Record.Parse(bytes) : new Record(0, 0, "", 0);
        }
        catch (MalformedException)
        {
            // Not a state that we leave behind; whoever made it gains nothing by it.
            var doubt = Now(FreeTries);
            files.Replace(PathOf(device), doubt.Write());
            return doubt;
        }
    }

    private Record Now(int failures) => new(
        failures, clock.GetUtcNow().ToUnixTimeMilliseconds(), bootId, (long)clock.GetElapsedTime(0).TotalMilliseconds);

    private string PathOf(DeviceId device) => Path.Combine(directory, device.ToString());

    private sealed record Record(int Failures, long UnixMilliseconds, string BootId, long BootMilliseconds)
    {
        public byte[] Write() => CanonicalCbor.Encode("safes/1/attempts", (ulong)Failures, (ulong)UnixMilliseconds, BootId, (ulong)BootMilliseconds);

        public static Record Parse(byte[] bytes) => CanonicalCbor.Decode(bytes, "attempts", r =>
        {
            r.LabelledArray("safes/1/attempts", 5);
            var record = new Record(r.ReadInt32(), r.ReadInt64(), r.Text(64), r.ReadInt64());
            r.ReadEndArray();
            return record;
        });
    }
}
