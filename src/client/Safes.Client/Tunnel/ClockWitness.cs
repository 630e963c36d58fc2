using System.Globalization;
using Safes.Client.Profile;
using Safes.Linux;

namespace Safes.Client.Tunnel;

/// <summary>
/// Whether this device's wall clock may be shown to a gateway. A gateway takes no handshake that is older than the last: one from a clock that
/// is ahead would lock the device out until that time has come.
/// </summary>
public static class ClockWitness
{
    public const string FileName = "clock";

    /// <summary>Clocks that nobody disciplines drift by seconds a day.</summary>
    private static readonly TimeSpan Drift = TimeSpan.FromMinutes(1);

    /// <summary>Remembers, until the next boot, how the wall clock stood to the boot clock when it had just agreed with the server's.</summary>
    public static void Keep(SafeProfile profile)
    {
        string offset = Offset(DateTimeOffset.UtcNow, BootClock.Now).ToString(CultureInfo.InvariantCulture);
        PrivateFile.Write(Path.Combine(profile.SessionDirectory, FileName), $"{offset} {Machine.BootId}");
    }

    /// <summary>Somebody keeps it right, or it has not been set since it agreed with the server's.</summary>
    public static bool IsTrusted(SafeProfile profile, bool? synchronised = null)
    {
        if (synchronised ?? Timex.IsSynchronised)
        {
            return true;
        }

        try
        {
            string[] words = PrivateFile.ReadText(Path.Combine(profile.SessionDirectory, FileName)).Split(' ');
            return words is [var offset, var boot] && boot == Machine.BootId && long.TryParse(offset, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long kept)
                && Int128.Abs((Int128)kept - Offset(DateTimeOffset.UtcNow, BootClock.Now)) <= (long)Drift.TotalMilliseconds;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Contracts.FaultException)
        {
            return false;
        }
    }

    private static long Offset(DateTimeOffset wall, TimeSpan boot) => wall.ToUnixTimeMilliseconds() - (long)boot.TotalMilliseconds;
}
