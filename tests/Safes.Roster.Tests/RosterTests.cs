using CsCheck;
using Safes.Keys;

namespace Safes.Roster.Tests;

public sealed class RosterTests : IDisposable
{
    private readonly Team team = new();

    public void Dispose() => team.Dispose();

    [Fact]
    public void A_founded_safe_has_one_joined_owner()
    {
        var owner = Assert.Single(team.Roster.Members);
        Assert.Equal(("anna", "anna", 0, true), (owner.Name, owner.Account, owner.Index, owner.IsOwner));
        Assert.True(Assert.Single(team.Roster.Devices).Joined);
        Assert.Equal(team.Roster.Head.Span[..16], team.Roster.Safe.ToBytes());
    }

    [Fact]
    public void A_member_is_added_joins_and_is_removed()
    {
        var bob = team.Add("Bob");
        Assert.False(team.Roster.FindDevice(bob.Device)!.Joined);
        byte[] first = team.Roster.FindDevice(bob.Device)!.KemKey;
        team.Join(bob);
        Assert.True(team.Roster.FindDevice(bob.Device)!.Joined);
        Assert.NotEqual(first, team.Roster.FindDevice(bob.Device)!.KemKey);
        Assert.Equal("bob", team.Roster.FindMember("BOB")!.Account);
        team.Remove(bob);
        Assert.Null(team.Roster.FindDevice(bob.Device));
        Assert.Null(team.Roster.FindMember(bob.Member));

        var carol = team.Add("Carol");
        Assert.Equal(2, team.Roster.FindDevice(carol.Device)!.Index);
        Assert.Equal(2, team.Roster.FindMember(carol.Member)!.Index);
    }

    [Fact]
    public void Replaying_the_chain_gives_the_same_roster()
    {
        team.Join(team.Add("bob"));
        team.Remove(team.Add("carol", owner: true));
        var replayed = SafeRoster.Replay(team.Chain());
        Assert.Equal(team.Roster.Head, replayed.Head);
        Assert.Equal(team.Roster.Members, replayed.Members);
        Assert.Equal(team.Roster.Devices.Select(d => (d.Id, d.Index, d.Joined)), replayed.Devices.Select(d => (d.Id, d.Index, d.Joined)));
    }

    [Fact]
    public void Only_an_owner_changes_membership()
    {
        var bob = team.Add("bob");
        var carol = team.Person("carol").CreateId().Identity;
        Refused(RosterFlaw.NotAllowed, AddMember.Sign(team.Roster, bob.Device, bob.Signing, carol, owner: false));
        Refused(RosterFlaw.NotAllowed, RemoveMember.Sign(team.Roster, bob.Device, bob.Signing, team.Owner.Member));
        var second = team.Add("dora", owner: true);
        team.Roster.Extend(AddMember.Sign(team.Roster, second.Device, second.Signing, carol, owner: false));
    }

    [Fact]
    public void An_entry_signed_by_another_key_is_refused()
    {
        var stranger = team.Person("mallory");
        Refused(RosterFlaw.Unsigned, AddMember.Sign(team.Roster, stranger.Device, stranger.Signing, stranger.CreateId().Identity, owner: true));
        Refused(RosterFlaw.Unsigned, AddMember.Sign(team.Roster, team.Owner.Device, stranger.Signing, stranger.CreateId().Identity, owner: true));
        var bob = team.Add("bob");
        Refused(RosterFlaw.Unsigned, Rekey.Sign(team.Roster, bob.Device, team.Owner.Signing, KemKeyPair.PublicKey(team.Seed())));
    }

    [Fact]
    public void A_removed_member_signs_nothing_any_more()
    {
        var bob = team.Add("bob", owner: true);
        team.Remove(bob);
        Refused(RosterFlaw.Unsigned, RemoveMember.Sign(team.Roster, bob.Device, bob.Signing, team.Owner.Member));
    }

    [Fact]
    public void The_last_owner_stays()
    {
        team.Add("bob");
        Refused(RosterFlaw.NotAllowed, RemoveMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, team.Owner.Member));
    }

    [Fact]
    public void Nothing_is_added_twice()
    {
        var bob = team.Add("bob");
        var id = bob.CreateId().Identity;
        Refused(RosterFlaw.Conflict, AddMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, id, owner: false));
        var other = team.Person("x").CreateId().Identity;
        foreach (var same in new[]
        {
            other with { MemberName = "BOB" }, other with { Member = id.Member }, other with { Device = id.Device }, other with { SigningKey = id.SigningKey },
            other with { TlsPin = id.TlsPin }, other with { WireGuardKey = id.WireGuardKey }, other with { KemKey = id.KemKey },
        })
        {
            Refused(RosterFlaw.Conflict, AddMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, same, owner: false));
        }

        Refused(RosterFlaw.Conflict, RemoveMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, MemberId.Random()));
    }

    [Fact]
    public void A_device_changes_its_key_once()
    {
        var bob = team.Add("bob");
        team.Join(bob);
        Refused(RosterFlaw.NotAllowed, Rekey.Sign(team.Roster, bob.Device, bob.Signing, KemKeyPair.PublicKey(team.Seed())));
        Refused(RosterFlaw.NotAllowed, Rekey.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, KemKeyPair.PublicKey(team.Seed())));
    }

    [Fact]
    public void A_client_notices_a_shorter_and_a_different_chain()
    {
        team.Add("bob");
        var seen = team.Roster.Position;
        var before = SafeRoster.Replay(team.Chain()[..1]);
        var elsewhere = before.Extend(AddMember.Sign(before, team.Owner.Device, team.Owner.Signing, team.Person("eve").CreateId().Identity, owner: true));
        team.Add("carol");
        team.Roster.CheckContinues(seen);
        Assert.Equal(RosterFlaw.Truncated, Assert.Throws<RosterException>(() => before.CheckContinues(seen)).Flaw);
        Assert.Equal(RosterFlaw.Forked, Assert.Throws<RosterException>(() => elsewhere.CheckContinues(seen)).Flaw);
        using var another = new Team();
        another.Add("bob");
        Assert.Equal(RosterFlaw.Forked, Assert.Throws<RosterException>(() => another.Roster.CheckContinues(seen)).Flaw);
    }

    [Fact]
    public void A_chain_reordered_thinned_repeated_or_mixed_is_refused()
    {
        var bob = team.Add("bob");
        team.Add("carol");
        team.Join(bob);
        var chain = team.Chain();
        using var another = new Team();
        another.Add("eve");
        Gen.Int[0, chain.Length - 1].Array[0, 6].Where(order => !order.SequenceEqual(Enumerable.Range(0, order.Length)))
            .Sample(order => FlawOf([.. order.Select(i => chain[i])]) is RosterFlaw.OutOfOrder, iter: 200);
        Assert.Equal(RosterFlaw.Truncated, FlawOf([]));
        Assert.Equal(RosterFlaw.OutOfOrder, FlawOf([.. chain, another.Chain()[1]]));
        Assert.Null(FlawOf(chain));
    }

    [Fact]
    public void An_entry_made_for_another_branch_is_refused()
    {
        var before = team.Roster;
        var other = before.Extend(AddMember.Sign(before, team.Owner.Device, team.Owner.Signing, team.Person("eve").CreateId().Identity, owner: true));
        var onOther = AddMember.Sign(other, team.Owner.Device, team.Owner.Signing, team.Person("dora").CreateId().Identity, owner: false);
        team.Add("bob");
        Assert.Equal(team.Roster.Count, onOther.Index);
        Refused(RosterFlaw.OutOfOrder, onOther);
        other.Extend(onOther);
    }

    [Fact]
    public void A_chain_with_any_bit_flipped_is_refused()
    {
        team.Join(team.Add("bob"));
        var chain = team.Chain();
        Gen.Select(Gen.Int[0, chain.Length - 1], Gen.Int[0, chain.Min(e => e.Length) * 8 - 1]).Sample((entry, bit) =>
        {
            byte[] flipped = chain[entry].ToArray();
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            return FlawOf([.. chain[..entry], flipped, .. chain[(entry + 1)..]]) is not null;
        }, iter: 3000);
    }

    [Fact]
    public void No_bytes_crash_the_parser()
    {
        var bob = team.Add("bob");
        team.Join(bob);
        team.Remove(bob);
        Gen.Byte.Array[0, 300].Sample(bytes => FlawOf([bytes]) is not null, iter: 3000);
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3000], Gen.Int[0, 8], Gen.Byte.Array[0, 8]).Sample((entry, at, cut, put) =>
        {
            byte[] e = team.Chain()[entry].ToArray();
            at %= e.Length;
            _ = FlawOf([(byte[])[.. e.AsSpan(0, at), .. put, .. e.AsSpan(Math.Min(e.Length, at + cut))]]);
        }, iter: 3000);
    }

    [Fact]
    public void Another_version_is_named_as_such()
    {
        byte[] body = CanonicalCbor.Encode("safes/2/genesis", "whatever comes");
        Assert.Equal(RosterFlaw.OtherVersion, FlawOf([CanonicalCbor.Encode(body, new byte[64])]));
    }

    [Fact]
    public void There_is_room_for_253_devices()
    {
        // Admission alone, of identities with keys that nobody holds.
        var id = team.Person("x").CreateId().Identity;
        for (int i = 1; i < SafeRoster.MostDevices; i++)
        {
            team.Roster = team.Roster.Extend(AddMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, Invented(id, i), owner: false));
        }

        Refused(RosterFlaw.Conflict, AddMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, Invented(id, 253), owner: false));
        Assert.Equal(SafeRoster.MostDevices, team.Roster.Members.Select(m => m.Account).Distinct().Count());
    }

    private static DeviceIdentity Invented(DeviceIdentity id, int i)
    {
        byte[] key = System.Security.Cryptography.RandomNumberGenerator.GetBytes(KemKeyPair.PublicKeySize);
        return id with
        {
            Member = MemberId.Random(),
            Device = DeviceId.Random(),
            MemberName = $"m{i}",
            SigningKey = key[..32],
            TlsPin = key[32..64],
            WireGuardKey = key[64..96],
            KemKey = key,
        };
    }

    private void Refused(RosterFlaw flaw, RosterEntry entry) => Assert.Equal(flaw, Assert.Throws<RosterException>(() => team.Roster.Extend(entry)).Flaw);

    private static RosterFlaw? FlawOf(IEnumerable<ReadOnlyMemory<byte>> chain)
    {
        try
        {
            SafeRoster.Replay(chain);
            return null;
        }
        catch (RosterException e)
        {
            return e.Flaw;
        }
    }
}
