using Safes.Linux;

namespace Safes.Qemu;

// How a machine ends that is not saved.
public sealed partial class VirtualMachine
{
    /// <summary>Asks the guest to power off and waits; what is left when the limit has passed is ended.</summary>
    /// <param name="limit">Of all of it.</param>
    /// <param name="script">What the guest runs for that, where its own way of powering off would not end.</param>
    /// <returns>Whether it ended by itself.</returns>
    public async Task<bool> PowerOffAsync(TimeSpan limit, string? script = null)
    {
        var end = BootClock.Now + limit;
        try
        {
            var guest = await AgentAsync(limit).ConfigureAwait(false);
            Failpoint.Reach("stop: agent there");
            if (script is null)
            {
                await guest.PowerOffAsync(BootClock.LeftUntil(end)).ConfigureAwait(false);
            }

            if (script is null || await guest.RunAsync(script, BootClock.LeftUntil(end)).ConfigureAwait(false) is { Exit: 0 })
            {
                await Ended.WaitAsync(BootClock.LeftUntil(end)).ConfigureAwait(false);
                return true;
            }
        }
        catch (Exception e) when (e is HungException or QmpException or TimeoutException)
        {
            // It did not listen, or did not do it: it is ended.
        }

        await KillAsync().ConfigureAwait(false);
        return false;
    }

    /// <summary>Ends both processes at once.</summary>
    /// <exception cref="HungException">One of them cannot be ended: it waits for a device.</exception>
    public Task KillAsync() => processes.KillAsync(start.Limits.Quit);

    /// <summary>Ends what runs of the machine with these files, by the record of its processes and by what works in its directories.</summary>
    /// <exception cref="HungException">One of them cannot be ended.</exception>
    public static async Task KillRecordedAsync(HostPlaces places, TimeSpan limit, IMachineRights? rights = null)
    {
        if (MachineProcesses.Adopt(places, uuid: null) is { } processes)
        {
            await processes.KillAsync(limit).ConfigureAwait(false);
        }

        await (rights ?? RootsRights.Instance).EndStraysAsync(places, limit).ConfigureAwait(false);
    }
}
