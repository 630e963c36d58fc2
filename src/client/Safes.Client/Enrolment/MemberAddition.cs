using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Enrolment;

/// <summary>
/// An owner admits a member: the complete resulting roster is verified and shown here before the owner's password authorises
/// exactly that one, in one request.
/// </summary>
public sealed class MemberAddition(SafeProfile profile, Server server)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>The roster as it would be, verified.</summary>
    public async Task<(AddMember Entry, SafeRoster Resulting)> PrepareAsync(IdFile id, bool owner, CancellationToken stop)
    {
        var roster = await server.FetchRosterAsync(profile.Roster, stop).ConfigureAwait(false);
        profile.Remember(roster);
        if (!roster.MemberOf(profile.Device).IsOwner)
        {
            throw new FaultException(FaultCodes.NotOwner, ("owners", string.Join(", ", roster.Members.Where(m => m.IsOwner).Select(m => m.Name))));
        }

        var entry = AddMember.Sign(roster, profile.Keys.Device, profile.Keys.Signing, id.Identity, owner);
        try
        {
            return (entry, roster.Extend(entry));
        }
        catch (RosterException e) when (e.Flaw is RosterFlaw.Conflict)
        {
            throw new FaultException(FaultCodes.MemberExists, ("member", id.Identity.MemberName), ("why", e.Message));
        }
    }

    /// <summary>Makes the change; the new member's address.</summary>
    public async Task<AddressFile> AuthoriseAsync(AddMember entry, SafeRoster resulting, SecretBuffer password, CancellationToken stop)
    {
        using var ck = await Task.Run(() => Sealing.Hash(profile.Keys, password, profile.Roster.Safe), stop).ConfigureAwait(false);
        var key = await server.GetOneTimeKeyAsync(stop).ConfigureAwait(false);
        if (!key.Head.Span.SequenceEqual(entry.Previous.Span))
        {
            throw new FaultException(FaultCodes.Moved);
        }

        byte[] authorised = [.. entry.Bytes.Span, .. resulting.Head.Span];
        var request = new ChangeRosterRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.ChangeRoster, profile.Roster.Safe, profile.Keys, profile.Address, key, authorised, ck),
            Entry = ByteString.CopyFrom(entry.Bytes.Span),
            Head = ByteString.CopyFrom(resulting.Head.Span),
        };
        var reply = await server.Calls.CallAsync((c, o) => c.ChangeRosterAsync(request, o), Limit, stop).ConfigureAwait(false);
        if (!reply.Head.Span.SequenceEqual(resulting.Head.Span))
        {
            throw new FaultException(FaultCodes.RosterForked, ("why", "its answer is about another list of members"));
        }

        profile.Remember(resulting);
        var device = resulting.FindDevice(entry.Identity.Device)!;
        return profile.Address with
        {
            Device = device.Id,
            DeviceAddress = profile.Address.At(2 + device.Index),
            Safe = resulting.Safe,
            Head = resulting.Head.ToArray(),
            Entries = resulting.Count,
        };
    }
}
