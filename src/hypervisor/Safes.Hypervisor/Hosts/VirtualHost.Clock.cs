namespace Safes.Hypervisor.Hosts;

// A clock that somebody set in the guest: keys of members are good for hours, and a host whose clock is days off refuses them all.
internal sealed partial class VirtualHost
{
    /// <summary>From here on it is said: less than what a key's time has to spare.</summary>
    internal static readonly TimeSpan ClockTold = TimeSpan.FromMinutes(2);

    private string? clockTrouble;

    /// <summary>Looks whether its clock is right while it runs; what is wrong stands in its note until it is right again. It is not set: that is
    /// done when the host goes on after a close, and a team may want another time in between.</summary>
    public Task LookAtClockAsync() => AloneAsync(async () =>
    {
        if (machine is not { } running || Definition.IsProxy || State is not (HostState.Running or HostState.Degraded) || !admitted)
        {
            return;
        }

        var agent = await running.AgentAsync(options.Limits.Agent).ConfigureAwait(false);
        var (off, ahead) = await agent.ReadClockAsync(options.Limits.Agent).ConfigureAwait(false);
        string? trouble = ClockWords(off, ahead);
        if (trouble != clockTrouble)
        {
            clockTrouble = trouble;
            Become(await ReserveAsync().ConfigureAwait(false));
        }
    });

    /// <summary>Null: it is right.</summary>
    internal static string? ClockWords(TimeSpan off, bool ahead)
    {
        if (off < ClockTold)
        {
            return null;
        }

        string time = off.TotalDays >= 2 ? $"{Math.Min(off.TotalDays, 99999):0} days" : off.TotalHours >= 2 ? $"{off.TotalHours:0} hours" : $"{off.TotalMinutes:0} minutes";
        return $"its clock is {time} {(ahead ? "ahead" : "behind")}: SSH refuses new logins with 'Permission denied (publickey)'; set it inside, or leave and open again";
    }
}
