using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Sessions;

namespace Safes.Hypervisor.Api;

/// <summary>Changes of the roster, by an owner's signature and fresh password.</summary>
public sealed partial class SafeApi
{
    public override async Task<ChangeRosterReply> ChangeRoster(ChangeRosterRequest request, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        RequireSession(context);
        var before = parts.Vault.Peers.Select(p => p.Device).ToHashSet();
        var key = parts.OneTimeKeys.Take(caller.Connection, request.OneTimeKey.Span);
        Vaults.HeaderChange change;
        using (key)
        {
            change = parts.Vault.ChangeRoster(caller.Peer.Device, key, request.Sealed.ToByteArray(), request.Entry.ToByteArray(), request.Head.Span);
        }

        await EndSessionsOfRemovedAsync().ConfigureAwait(false);
        await RosterChangedAsync(change).ConfigureAwait(false);
        var added = parts.Vault.Peers.FirstOrDefault(p => !before.Contains(p.Device));
        return new ChangeRosterReply
        {
            Generation = change.Generation,
            Head = ByteString.CopyFrom(change.Head),
            DeviceAddress = added?.Address.ToString() ?? "",
        };
    }

    private async Task EndSessionsOfRemovedAsync()
    {
        var roster = parts.Vault.Roster ?? throw new FaultException(FaultCodes.Unclaimed);
        foreach (var session in parts.Sessions.All.Where(s => roster.FindDevice(s.Device) is null))
        {
            await EndAsync(session.Id, new SessionEnd(EndReasons.Removed)).ConfigureAwait(false);
        }
    }
}
