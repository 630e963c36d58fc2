using Safes.Contracts;
using Safes.Hypervisor.Hosts;

namespace Safes.Hypervisor.Within;

/// <summary>What has to be looked after while a safe is open: certificates of hosts, their load, room on the volume.</summary>
public sealed class InsideUpkeep(InsideSafe safe, InsideLog log)
{
    /// <summary>The part of the volume from which on everybody is told.</summary>
    public const double Full = 0.9;

    private static readonly TimeSpan Round = TimeSpan.FromMinutes(1);
    private const int RoundsPerRenewal = 4 * 60;

    private bool told;
    private HashSet<string> contended = [];

    /// <summary>Until the process ends.</summary>
    public async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Round);
        for (int round = 1; await timer.WaitForNextTickAsync().ConfigureAwait(false); round++)
        {
            await LookAsync(round).ConfigureAwait(false);
        }
    }

    /// <summary>Whoever is in the safe hears once of each file that hosts spoil for each other while they do.</summary>
    private void TellOf(IReadOnlyList<ShareTrouble> troubles)
    {
        HashSet<string> now = [.. troubles.Where(t => t.Contended).Select(t => t.Text)];
        foreach (string text in now.Except(contended))
        {
            safe.Notices.Tell("share", text);
        }

        contended = now;
    }

    private async Task LookAsync(int round)
    {
        try
        {
            await safe.Work.RunAsync(
                async _ =>
                {
                    if (safe.Workspace is { } open)
                    {
                        if (round % RoundsPerRenewal == 0)
                        {
                            await open.Hosts.RenewCertificatesAsync().ConfigureAwait(false);
                        }

                        open.Hosts.LookAtLoads();
                        await open.Hosts.LookAtRoomAsync().ConfigureAwait(false);
                        await open.Hosts.LookAtClocksAsync().ConfigureAwait(false);
                        TellOf(await open.Hosts.LookAtShareAsync().ConfigureAwait(false));
                    }

                    var room = await safe.RoomAsync().ConfigureAwait(false);
                    if (room.Used >= Full && !told)
                    {
                        safe.Notices.Tell("room", $"the volume is {room.Used:P0} full: {room.Free >> 20} MiB are left");
                    }

                    told = room.Used >= Full;
                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
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
