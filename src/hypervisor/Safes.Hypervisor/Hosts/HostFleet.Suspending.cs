using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// What is done to all hosts at a close.
public sealed partial class HostFleet
{
    private static readonly TimeSpan CutLimit = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Cuts their ports, then suspends, all at once, every host that runs; what cannot be by <paramref name="limit"/> is stopped hard.
    /// From here on nothing is started any more. Never throws for a host.
    /// </summary>
    public async Task<IReadOnlyList<HostOutcome>> SuspendAllAsync(ulong generation, TimeSpan limit, IProgress<HostStep>? progress = null)
    {
        await closing.CancelAsync().ConfigureAwait(false);
        VirtualHost[] all = [.. hosts.Values];
        try
        {
            if (all.Length > 0)
            {
                await Options.Ports.CutAsync([.. all.Select(h => h.Definition.Number)]).WaitAsync(CutLimit).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            // The hosts are stopped in a moment; a network that does not answer must not keep the safe open.
        }

        var begin = BootClock.Now;
        var open = await SeeSharesAsync().ConfigureAwait(false);
        limit -= BootClock.Now - begin;
        return await AllAsync(all, async host =>
        {
            int removed = open.Removed.GetValueOrDefault(host.Definition.Number);
            using (new Steps(host.Definition.Name, progress).Begin("suspend", removed == 0 ? "" : ShareWords.Left(removed)))
            {
                try
                {
                    await host.SuspendAsync(generation, limit, removed).ConfigureAwait(false);
                }
                catch (HungException e) when (e.Pid == Environment.ProcessId)
                {
                    await host.KillAsync().ConfigureAwait(false);
                    throw;
                }
            }
        }).ConfigureAwait(false);
    }
}
