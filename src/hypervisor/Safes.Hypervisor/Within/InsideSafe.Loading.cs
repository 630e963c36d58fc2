using System.Net;
using Safes.Contracts;
using Safes.Contracts.Link;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Outside;
using Safes.Hypervisor.Rules;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Volumes;

namespace Safes.Hypervisor.Within;

// What the inside is made of, read from the volume.
public sealed partial class InsideSafe
{
    /// <summary>Where public keys and certificates pass through while they are signed: in a file system of memory, which nobody else sees.</summary>
    internal static string Scratch { get; } = Path.Combine(Path.GetTempPath(), "signing");

    /// <summary>Reads what hosts there are, and takes over those that run.</summary>
    private async Task<Workspace> LoadWorkspaceAsync()
    {
        var root = Volume.Root;
        var ssh = await SshAuthority.OpenAsync(root.Below("ssh"), Scratch).ConfigureAwait(false);
        var rules = RuleKeeper.Open(root, Roster ?? throw new FaultException(FaultCodes.Unclaimed));
        var fleet = new HostFleet(new HostFleetOptions
        {
            Zone = standing.Name,
            Volume = root,
            Authority = ssh,
            RunDirectory = standing.HostsDirectory,
            Tools = tools!,
            Rights = number => new RemoteRights(link, number),
            Ports = ports!,
            Shares = new RemoteShares(link),
            Users = standing.FirstUser == 0 ? SafeUsers.Usual : new SafeUsers(standing.FirstUser),
            World = world,
            Bundles = standing.Images,
            KnownBundles = standing.KnownImages.ToHashSet(StringComparer.Ordinal),
            Bound = TimeSpan.FromSeconds(standing.BoundSeconds),
            HostsChanged = hosts => ApplyWaysAsync(rules, hosts),
            Trouble = log.Trouble,
        });
        fleet.Changed += Seen;
        fleet.Removed += Gone;
        await fleet.LoadAsync().ConfigureAwait(false);
        var transfers = new TransferRoom(
            root.Open,
            async () =>
            {
                var room = await Volume.RoomAsync().ConfigureAwait(false);
                return (room.Total, room.Free);
            },
            member => new Transfer.FileOwner(FirstUser + member, VolumeLayout.TeamGroup),
            () => rules.DataOut);
        var outside = new OutsideKeeper(new OutsideOptions
        {
            Safe = standing.Name,
            Root = root,
            Hosts = fleet,
            World = world!,
            Generation = () => Generation,
            Trouble = log.Trouble,
            Resolvers = () => [.. Circumstances.Resolvers.Select(IPAddress.Parse)],
            Own = () => [.. Circumstances.Own.Select(IPAddress.Parse)],
        });
        rules.Changed += _ => outside.Ask();
        return new Workspace(fleet, ssh, new SessionStore(root), rules, outside, transfers);
    }

    // Members are told by name what safed is told by number.
    private void Seen(HostStatus host)
    {
        bool proxy = host.Name == HostDefinition.ProxyName;
        Notices.Tell("host", $"{host.Name}: {host.State}{(host.Note.Length > 0 ? $", {host.Note}" : "")}", proxy ? [] : [Safes.Hypervisor.Api.Messages.Of(host)]);
        if (!proxy)
        {
            link.Tell(new ToResident
            {
                Host = new HostSeen { Host = host.Address.GetAddressBytes()[^1], Standing = Of(host.State), Cpus = (uint)host.Cpus, MemoryBytes = (ulong)host.MemoryBytes },
            });
        }
    }

    private void Gone(int number) => link.Tell(new ToResident { Host = new HostSeen { Host = (uint)number, Standing = HostStanding.Gone } });

    private static HostStanding Of(HostState state) => state switch
    {
        HostState.Running => HostStanding.Running,
        HostState.Suspended => HostStanding.Suspended,
        HostState.Starting => HostStanding.Starting,
        HostState.Degraded => HostStanding.Degraded,
        HostState.Failed => HostStanding.Failed,
        _ => HostStanding.Stopped,
    };
}
