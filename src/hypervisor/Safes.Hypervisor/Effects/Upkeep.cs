using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Effects;

/// <summary>What has to be looked after while a safe is open: certificates of hosts, room on the volume, keys that nobody used.</summary>
public sealed class Upkeep(SafeParts parts, IOpenSafe safe, OneTimeKeys keys, ILogger log)
{
    /// <summary>The part of the volume from which on everybody is told.</summary>
    public const double Full = 0.9;

    private static readonly TimeSpan Round = TimeSpan.FromMinutes(1);
    private const int RoundsPerRenewal = 4 * 60;

    private bool told;

    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Round);
        try
        {
            for (int round = 1; await timer.WaitForNextTickAsync(stop).ConfigureAwait(false); round++)
            {
                keys.DropExpired();
                await LookAsync(round, stop).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task LookAsync(int round, CancellationToken stop)
    {
        try
        {
            await parts.Work.RunAsync(
                async _ =>
                {
                    if (round % RoundsPerRenewal == 0 && safe.Workspace is { } open)
                    {
                        await open.Hosts.RenewCertificatesAsync().ConfigureAwait(false);
                    }

                    var room = await parts.Volume.RoomAsync().ConfigureAwait(false);
                    if (room.Used >= Full && !told)
                    {
                        parts.Notices.Tell("room", $"the volume is {room.Used:P0} full: {room.Free >> 20} MiB are left");
                    }

                    told = room.Used >= Full;
                    return true;
                },
                stop).ConfigureAwait(false);
        }
        catch (FaultException)
        {
            // Not open: nothing to look after.
        }
        catch (IOException e)
        {
            log.Trouble(e, "upkeep");
        }
    }
}
