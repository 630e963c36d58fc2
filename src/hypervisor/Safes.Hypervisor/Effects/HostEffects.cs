using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Effects;

/// <summary>The hosts of an open volume.</summary>
public sealed partial class SafeEffects
{
    private const uint FirstUser = 3001;

    private HostProgress Progress => new(parts);

    /// <summary>The header was changed: the marker follows while the volume is open, the gateway and the hosts are told.</summary>
    public async Task RosterChangedAsync(HeaderChange change)
    {
        if (Workspace is not null)
        {
            Volume.WriteMarker(change.Marker);
            Vault.MarkerWritten(change.Generation);
        }

        await parts.Gateway.ConfigureAsync(GatewayPlan.Of(Vault)).ConfigureAwait(false);
        await ApplyRosterAsync().ConfigureAwait(false);
    }

    /// <summary>Tells hosts of the roster as it is now.</summary>
    private async Task ApplyRosterAsync()
    {
        if (Workspace is { } open && Vault.Roster is { } roster)
        {
            await open.Hosts.ApplyRosterAsync([.. roster.Members.Select(m => new MemberAccount(m.Account, FirstUser + (uint)m.Index))]).ConfigureAwait(false);
        }
    }

    private async Task EnterAsync()
    {
        var ssh = await SshAuthority.OpenAsync(Volume.Root.Below("ssh"), Path.Combine(parts.Paths.Hosts, ".signing")).ConfigureAwait(false);
        var fleet = new HostFleet(new HostFleetOptions
        {
            Zone = parts.Paths.Name,
            Volume = Volume.Root,
            Authority = ssh,
            RunDirectory = parts.Paths.Hosts,
            EmptyNetworkPin = parts.Paths.EmptyPin,
            Tools = parts.Tools,
            Ports = new SafeNetworkPorts(parts.Network),
            Bundles = parts.Premises.Images,
            KnownBundles = parts.Images.Values.Select(Convert.ToHexStringLower).ToHashSet(),    // as Hello shows them, read when safed started
            Bound = deadlines.Bound,
        });
        fleet.Changed += h => parts.Notices.Tell("host", $"{h.Name}: {h.State}{(h.Note.Length > 0 ? $", {h.Note}" : "")}", Api.Messages.Of(h));
        await fleet.LoadAsync().ConfigureAwait(false);
        Workspace = new Workspace(fleet, ssh, new SessionStore(Volume.Root), Volume.Root);
        await ApplyRosterAsync().ConfigureAwait(false);
    }

    private void WriteBackHosts()
    {
        if (Workspace is { } open)
        {
            _ = Task.Run(async () =>
            {
                try
                {
                    await open.Hosts.WriteBackAllAsync().ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    parts.Log.Trouble(e, "guests' memory could not be written back early");
                }
            });
        }
    }

    private async Task SuspendAsync(CancellationToken stop)
    {
        await Task.WhenAny(parts.Work.WhenEmpty, Task.Delay(TimeSpan.FromSeconds(5), stop)).ConfigureAwait(false);
        if (Workspace is { } open)
        {
            var outcomes = await open.Hosts.SuspendAllAsync(Vault.Generation, deadlines.Suspend, Progress).ConfigureAwait(false);
            foreach (var lost in outcomes.Where(o => !o.Done))
            {
                parts.Log.Trouble(lost.Fault, $"host {lost.Host} was stopped hard, its memory is lost ({lost.Hung ?? lost.Fault?.Code.Code})");
            }
        }
    }

    private async Task EndProcessesAsync()
    {
        if (Workspace is { } open)
        {
            await open.Hosts.KillAllAsync().ConfigureAwait(false);
            await open.DisposeAsync().ConfigureAwait(false);
            Workspace = null;
        }

        HostProcesses.End(Volume.MountPoint, TimeSpan.FromSeconds(3));
    }
}
