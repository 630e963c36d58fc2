using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Effects;

/// <summary>What has to be looked after from time to time: keys that nobody used, and what the inside cannot see from where it lives.</summary>
public sealed class Upkeep(SafeEffects effects, SafeDaemon daemon, OneTimeKeys keys)
{
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(15);

    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Round);
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
            {
                keys.DropExpired();
                effects.TellCircumstances(daemon.Since);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }
}
