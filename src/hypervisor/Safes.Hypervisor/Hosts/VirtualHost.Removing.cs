using Safes.Contracts;

namespace Safes.Hypervisor.Hosts;

// The end of a host for good.
internal sealed partial class VirtualHost
{
    private volatile bool removed, gone;

    /// <summary>Ends it and takes its files away, with nothing else under way: what waited for its turn finds no host any more.</summary>
    public async Task RemoveAsync(Func<Task> takeAway)
    {
        removed = true;
        try
        {
            await KillAsync().ConfigureAwait(false);
            await AloneAsync(options.Limits.Quit, async _ =>
            {
                await EndAsync().ConfigureAwait(false);
                if (!gone)
                {
                    await takeAway().ConfigureAwait(false);
                    gone = true;
                }
            }).ConfigureAwait(false);
        }
        finally
        {
            removed = gone;     // else it is still there, to be tried again
        }
    }

    /// <summary>Also what was started while its end was being waited for.</summary>
    private async Task EndAsync()
    {
        if (machine is { } late)
        {
            await late.KillAsync().ConfigureAwait(false);
        }

        await DetachAsync().ConfigureAwait(false);
    }

    private void ThrowIfRemoved()
    {
        if (removed)
        {
            throw new FaultException(FaultCodes.HostUnknown, ("host", Definition.Name));
        }
    }
}
