using System.Globalization;
using System.Text;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>The process that is this device's one session of a safe, as its lock names it to every shell of the person.</summary>
/// <param name="Boot">The boot of the computer that it runs in: a home may be shared with another computer.</param>
/// <param name="Computer">Its name.</param>
internal sealed record SessionHolder(ProcessStart Process, string Boot, string Computer)
{
    public const string LockName = "session.lock";

    public static SessionHolder Current => new(ProcessStart.Current, Machine.BootId, Environment.MachineName);

    private bool IsHere => Boot == Machine.BootId;

    /// <summary>Null when this device has no session.</summary>
    /// <exception cref="FaultException">unsafe-permissions.</exception>
    public static SessionHolder? Find(SafeProfile profile) =>
        ProfileLock.ReadIfHeld(profile.Home, LockName) is { } content ? Parse(Encoding.UTF8.GetString(content)) ?? Unnamed : null;

    /// <summary>Takes the lock for this process.</summary>
    /// <exception cref="FaultException">session-busy: another one has it.</exception>
    public static ProfileLock Take(SafeProfile profile, TimeSpan limit)
    {
        var taken = ProfileLock.Take(profile.Home, LockName, limit) ?? throw (Find(profile) ?? Unnamed).Busy("it opens the safe, or holds it");
        taken.Write(Encoding.UTF8.GetBytes(Current.ToString()));
        return taken;
    }

    /// <summary>The fault that names it.</summary>
    public FaultException Busy(string why) => new(
        FaultCodes.SessionBusy, ("pid", Process.Pid > 0 ? $"{Process.Pid}" : ""), ("computer", IsHere ? "" : Computer), ("why", IsHere ? why : "it runs on another computer that shares this home"));

    /// <summary>Asks the process to leave where its socket does not: by a signal. False: it is not on this computer, or did not end in time.</summary>
    public async Task<bool> EndAsync(TimeSpan limit)
    {
        if (!IsHere || Process.Pid <= 0)
        {
            return false;
        }

        using var process = Process.Open();
        process?.Signal(SignalNumbers.Terminate);
        return process is null || await Task.Run(() => process.WaitForEnd(limit)).ConfigureAwait(false);
    }

    public override string ToString() => $"{Process.Pid} {Process.Start} {Boot} {Computer}\n";

    // Who has just taken the lock has not written into it yet.
    private static SessionHolder Unnamed => new(default, Machine.BootId, "");

    private static SessionHolder? Parse(string line) => line.TrimEnd('\n').Split(' ') is [var pid, var start, var boot, var computer]
        && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
        && ulong.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out ulong ticks)
        ? new SessionHolder(new ProcessStart(number, ticks), boot, computer) : null;
}
