using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Outside;
using Safes.Hypervisor.Rules;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Hypervisor.Vaults;
using Safes.Hypervisor.Ways;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Effects;

/// <summary>The hosts of an open volume.</summary>
public sealed partial class SafeEffects
{
    /// <summary>The uid, in hosts and so in the share, of the member who was admitted first.</summary>
    internal const uint FirstUser = 3001;

    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim ruling = new(1, 1);

    private Task<Workspace>? loading;

    private HostProgress Progress => new(parts);

    /// <summary>The header was changed: the marker follows while the volume is open, the gateway and the hosts are told.</summary>
    public async Task RosterChangedAsync(HeaderChange change)
    {
        if (Workspace is not null)
        {
            Volume.WriteMarker(change.Marker);
            Vault.MarkerWritten(change.Generation);
            Failpoint.Reach("roster: marker written");
        }

        await parts.Gateway.ConfigureAsync(GatewayPlan.Of(Vault)).ConfigureAwait(false);
        Failpoint.Reach("roster: gateway told");
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

    private async Task EnterAsync(CancellationToken stop)
    {
        var mine = LoadingAsync();
        await mine.WaitAsync(stop).ConfigureAwait(false);    // given up, closing goes on waiting for it
        Enter(mine);
        await RulesChangedAsync().ConfigureAwait(false);    // before any port is let through
        await ApplyRosterAsync().ConfigureAwait(false);
    }

    /// <summary>Puts the owners' rules about hosts and devices in force. What fails is said, and tried again until it is done: the rule stands already.</summary>
    public async Task RulesChangedAsync()
    {
        if (Workspace is not { } open)
        {
            return;
        }

        try
        {
            await ApplyWaysAsync(open.Rules, open.Hosts).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            parts.Log.Trouble(e, "the owners' rules about hosts and devices are not in force yet");
            _ = ApplyAgainAsync(open);
            throw;
        }
    }

    private async Task ApplyAgainAsync(Workspace open)
    {
        while (true)
        {
            await Task.Delay(Least).ConfigureAwait(false);
            if (Workspace != open)
            {
                return;
            }

            try
            {
                await ApplyWaysAsync(open.Rules, open.Hosts).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is FaultException or IOException)
            {
                // Said when it failed first.
            }
        }
    }

    /// <summary>One after the other, each with rules and hosts as they are when it is its turn.</summary>
    private async Task ApplyWaysAsync(RuleKeeper rules, HostFleet hosts)
    {
        await ruling.WaitAsync().ConfigureAwait(false);
        try
        {
            await parts.Ways.ApplyAsync(WaysPlan.Of(rules, hosts.Numbers, parts.Ports.Address)).ConfigureAwait(false);
        }
        finally
        {
            ruling.Release();
        }
    }

    private Task PrepareOutsideAsync(bool adopted)
    {
        var open = Workspace!;
        return open.Outside.PrepareAsync(() => open.Rules.Problem is null ? open.Rules.Book.Standing : [], adopted);
    }

    /// <summary>The one loading there is: a host's QEMU has one line for its orders, and whoever came second would take it for hung.</summary>
    private Task<Workspace> LoadingAsync()
    {
        lock (gate)
        {
            return loading is { IsFaulted: false, IsCanceled: false } going ? going : loading = Task.Run(async () =>
            {
                Volume.CheckPolicy(key ?? throw new FaultException(FaultCodes.PolicyWrong));
                return await LoadWorkspaceAsync().ConfigureAwait(false);
            });
        }
    }

    /// <exception cref="FaultException">Closing: it was let go of in the moment it was loaded.</exception>
    private void Enter(Task<Workspace> loaded)
    {
        lock (gate)
        {
            Workspace = loading == loaded ? loaded.Result : throw new FaultException(FaultCodes.Closing);
        }
    }

    /// <summary>What is loaded and what still comes of loading is let go of.</summary>
    private async Task LeaveAsync()
    {
        Task<Workspace>? going;
        lock (gate)
        {
            (going, loading, Workspace) = (loading, null, null);
        }

        if (going is { IsCompleted: false })
        {
            _ = going.ContinueWith(late => late.Result.DisposeAsync().AsTask(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        }
        else if (going is { IsCompletedSuccessfully: true })
        {
            await (await going.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Reads what hosts there are, and takes over those that run.</summary>
    private async Task<Workspace> LoadWorkspaceAsync()
    {
        var ssh = await SshAuthority.OpenAsync(Volume.Root.Below("ssh"), Path.Combine(parts.Paths.Hosts, ".signing")).ConfigureAwait(false);
        var rules = RuleKeeper.Open(Volume.Root, Vault.Roster ?? throw new FaultException(FaultCodes.Unclaimed));
        var fleet = new HostFleet(new HostFleetOptions
        {
            Zone = parts.Paths.Name,
            Volume = Volume.Root,
            Authority = ssh,
            RunDirectory = parts.Paths.Hosts,
            EmptyNetworkPin = parts.Paths.EmptyPin,
            Tools = parts.Tools,
            Ports = parts.Ports,
            Users = parts.Premises.Users,
            World = parts.World,
            Bundles = parts.Premises.Images,
            KnownBundles = parts.Images.Values.Select(Convert.ToHexStringLower).ToHashSet(),    // as Hello shows them, read when safed started
            Bound = deadlines.Bound,
            HostsChanged = hosts => ApplyWaysAsync(rules, hosts),
            Trouble = (e, what) => parts.Log.Trouble(e, what),
        });
        fleet.Changed += h => parts.Notices.Tell("host", $"{h.Name}: {h.State}{(h.Note.Length > 0 ? $", {h.Note}" : "")}", h.Name == HostDefinition.ProxyName ? [] : [Api.Messages.Of(h)]);
        await fleet.LoadAsync().ConfigureAwait(false);
        var transfers = new TransferRoom(
            Volume.Root.Open,
            async () =>
            {
                var room = await Volume.RoomAsync().ConfigureAwait(false);
                return (room.Total, room.Free);
            },
            member => new Transfer.FileOwner(FirstUser + member, VolumeLayout.TeamGroup),
            () => rules.DataOut);
        var outside = new OutsideKeeper(new OutsideOptions
        {
            Safe = parts.Paths.Name,
            Root = Volume.Root,
            Hosts = fleet,
            World = parts.World,
            Generation = () => Vault.Generation,
            Trouble = (e, what) => parts.Log.Trouble(e, what),
        });
        rules.Changed += _ => outside.Ask();
        return new Workspace(fleet, ssh, new SessionStore(Volume.Root), rules, outside, transfers);
    }

    /// <summary>
    /// A safed that died after it had decided to close, and before it had suspended the hosts: they run, and it does not know them. Where
    /// they cannot be taken over in time, they are ended like others that cannot be suspended.
    /// </summary>
    private async Task AdoptToSuspendAsync(TimeSpan limit, CancellationToken stop)
    {
        if (Workspace is not null || key is not { } k || Volume.Observe(k).Key != KeyStatus.Present || HostProcesses.Find(Volume.MountPoint).Count == 0)
        {
            return;
        }

        try
        {
            var mine = LoadingAsync();
            await mine.WaitAsync(limit, stop).ConfigureAwait(false);
            Enter(mine);
        }
        catch (Exception e)
        {
            parts.Log.Trouble(e, "hosts that run could not be taken over to suspend them; they are ended");
        }
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
        var begin = BootClock.Now;
        await Task.WhenAny(parts.Work.WhenEmpty, Task.Delay(TimeSpan.FromSeconds(5), stop)).ConfigureAwait(false);
        await AdoptToSuspendAsync(deadlines.Suspend * 0.4, stop).ConfigureAwait(false);
        if (Workspace is { } open)
        {
            var left = deadlines.Suspend - (BootClock.Now - begin);
            var outcomes = await open.Hosts.SuspendAllAsync(Vault.Generation, left > Least ? left : Least, Progress).ConfigureAwait(false);
            foreach (var lost in outcomes.Where(o => !o.Done))
            {
                string why = $"its memory is lost, its disk is not: {HostFaults.Note(lost.Fault!)}";
                parts.Log.Trouble(null, $"host {lost.Host} was stopped hard, {why}");
                parts.Report(new HostStep(lost.Host, "stopped hard", Done: true, why));
            }
        }
    }

    private async Task EndProcessesAsync()
    {
        if (Workspace is { } open)
        {
            await open.Hosts.KillAllAsync().ConfigureAwait(false);
        }

        await LeaveAsync().ConfigureAwait(false);
        HostProcesses.End(Volume.MountPoint, TimeSpan.FromSeconds(3));
    }
}
