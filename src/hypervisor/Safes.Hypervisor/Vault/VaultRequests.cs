using System.Security.Cryptography;
using Safes.Contracts;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>What members' devices ask for: claim, open, join, change the roster.</summary>
public sealed partial class Vault
{
    /// <summary>
    /// The first owner's join. <paramref name="makeVolume"/> makes the volume with the key and marker it is given; only then is the header
    /// written. A crash before that leaves the safe unclaimed.
    /// </summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.AlreadyJoined"/>, <see cref="FaultCodes.BadRequest"/>, or what <paramref name="makeVolume"/> throws.</exception>
    public async Task<HeaderChange> ClaimAsync(
        OneTimeKey oneTimeKey, byte[] sealedSecrets, byte[] genesis, Func<OpenedKeys, CancellationToken, Task> makeVolume, CancellationToken cancellation)
    {
        using var used = oneTimeKey;
        SafeRoster roster;
        using var ck = SecretBuffer.Allocate(PasswordKey.Size);
        using var seed = SecretBuffer.Allocate(KemKeyPair.SeedSize);
        using var share = SecretBuffer.Allocate(VolumeKeys.MasterSize);
        lock (gate)
        {
            store.RequireKnown();
            if (store.Roster is not null || claiming)
            {
                throw new FaultException(FaultCodes.AlreadyJoined);
            }

            roster = CheckGenesis(genesis, oneTimeKey);
            byte[] aad = OpenAad.Encode(
                Purpose.Claim, roster.Safe, InitialOwner.Device, InitialOwner.TlsPin, ServerPin, oneTimeKey.PublicKey, [], 0, genesis);
            using var message = OneTimeSeal.Open(oneTimeKey.Seed, sealedSecrets, aad, 96) ?? throw BadRequest("sealed to another key or purpose");
            Split(message, ck, seed, share);
            if (!KemKeyPair.PublicKey(seed).AsSpan().SequenceEqual(roster.Devices[0].KemKey))
            {
                throw BadRequest("the seed is not that of the genesis");
            }

            claiming = true;
        }

        try
        {
            using var vmk = VolumeKeys.NewMaster(oneTimeKey.ServerShare, share, roster.Safe);
            using var opened = new OpenedKeys(VolumeKeys.Derive(vmk), roster.Safe, generation: 1, oldestMarker: 1);
            await makeVolume(opened, cancellation).ConfigureAwait(false);
            lock (gate)
            {
                var owner = roster.Devices[0];
                byte[] password = PasswordBox.Seal(ck, seed, roster.Safe, owner.Member, owner.Id, owner.KemKey);
                byte[] volume = VolumeKeyBox.Seal(owner.KemKey, vmk, roster.Safe, owner.Id, store.Epoch);
                markerWritten = 1;
                return Change(new HeaderTable(VolumeParameters.Fscrypt, roster.Head.ToArray(), 1, [new DeviceBoxes(owner.Id, password, volume)]), roster, vmk);
            }
        }
        finally
        {
            lock (gate)
            {
                claiming = false;
            }
        }
    }

    /// <summary>Checks a password: charges an attempt durably, opens, refunds. Also for joining a safe that is open.</summary>
    /// <param name="head">The roster's head that the device believes in.</param>
    /// <exception cref="FaultException">
    /// <see cref="FaultCodes.WrongPassword"/> (tries_left, seconds), <see cref="FaultCodes.TooManyTries"/> (seconds), <see cref="FaultCodes.Moved"/>,
    /// <see cref="FaultCodes.NotJoined"/>, <see cref="FaultCodes.UnknownDevice"/>, <see cref="FaultCodes.Unclaimed"/>, <see cref="FaultCodes.BadRequest"/>,
    /// <see cref="FaultCodes.HeaderDamaged"/>.
    /// </exception>
    public OpenedKeys Open(DeviceId device, OneTimeKey oneTimeKey, byte[] sealedKey, ReadOnlySpan<byte> head, ulong generation)
    {
        using var used = oneTimeKey;
        lock (gate)
        {
            var (roster, self) = Require(device);
            if (!head.SequenceEqual(roster.Head.Span) || generation != store.Header!.Generation)
            {
                throw new FaultException(FaultCodes.Moved);
            }

            using var ck = Unseal(oneTimeKey, Purpose.Open, self, sealedKey, [], PasswordKey.Size);
            var table = store.OpenTable();
            using var vmk = Unlock(table, self, ck);
            return Opened(vmk, table.OldestMarker);
        }
    }

    /// <summary>A later member's join: his password box, and his first seed replaced.</summary>
    /// <exception cref="FaultException">As <see cref="Open"/>, and <see cref="FaultCodes.AlreadyJoined"/>.</exception>
    public HeaderChange Join(DeviceId device, OneTimeKey oneTimeKey, byte[] sealedSecrets, byte[] entry)
    {
        using var used = oneTimeKey;
        lock (gate)
        {
            var (roster, self) = Require(device);
            if (self.Joined)
            {
                throw new FaultException(FaultCodes.AlreadyJoined);
            }

            var next = Extend(roster, entry, self, out var parsed);
            if (parsed is not Rekey rekey)
            {
                throw BadRequest("a join changes the device's own key, nothing else");
            }

            using var message = Unseal(oneTimeKey, Purpose.Join, self, sealedSecrets, entry, 96);
            using var ck = SecretBuffer.Allocate(PasswordKey.Size);
            using var first = SecretBuffer.Allocate(KemKeyPair.SeedSize);
            using var fresh = SecretBuffer.Allocate(KemKeyPair.SeedSize);
            Split(message, ck, first, fresh);
            if (!KemKeyPair.PublicKey(fresh).AsSpan().SequenceEqual(rekey.KemKey))
            {
                throw BadRequest("the seed is not that of the entry");
            }

            var table = store.OpenTable();
            var box = table.Find(self.Id) ?? throw Damaged("a device without a box");
            using var vmk = VolumeKeyBox.Open(first, box.VolumeKeyBox, roster.Safe, self.Id, store.Epoch) ?? throw BadRequest("the first seed is another device's");
            RequireWhole(vmk);
            byte[] password = PasswordBox.Seal(ck, fresh, roster.Safe, self.Member, self.Id, rekey.KemKey);
            byte[] volume = VolumeKeyBox.Seal(rekey.KemKey, vmk, roster.Safe, self.Id, store.Epoch);
            return Change(Next(table, next, [.. table.Devices.Select(d => d.Device == self.Id ? new DeviceBoxes(self.Id, password, volume) : d)]), next, vmk);
        }
    }

    /// <summary>Adds or removes a member with an owner's signed entry and fresh CK. A removal begins a new epoch.</summary>
    /// <param name="headAfter">The head that the owner has verified and signed for.</param>
    /// <exception cref="FaultException">As <see cref="Open"/>, and <see cref="FaultCodes.NotOwner"/>, <see cref="FaultCodes.MemberExists"/>, <see cref="FaultCodes.MemberUnknown"/>.</exception>
    public HeaderChange ChangeRoster(DeviceId device, OneTimeKey oneTimeKey, byte[] sealedKey, byte[] entry, ReadOnlySpan<byte> headAfter)
    {
        using var used = oneTimeKey;
        lock (gate)
        {
            var (roster, self) = Require(device);
            if (!roster.MemberOf(self).IsOwner)
            {
                throw new FaultException(FaultCodes.NotOwner);
            }

            var next = Extend(roster, entry, self, out var parsed);
            if (parsed is not (AddMember or RemoveMember) || !next.Head.Span.SequenceEqual(headAfter))
            {
                throw BadRequest("not the roster that the owner has seen");
            }

            using var ck = Unseal(oneTimeKey, Purpose.ChangeRoster, self, sealedKey, [.. entry, .. headAfter], PasswordKey.Size);
            var table = store.OpenTable();
            using var vmk = Unlock(table, self, ck);
            using var newSecret = parsed is RemoveMember ? SecretBuffer.Random(32) : null;
            uint epoch = newSecret is null ? store.Epoch : store.Epoch + 1;
            var boxes = next.Devices.Select(d => table.Find(d.Id) is { } old && newSecret is null
                ? old
                : new DeviceBoxes(d.Id, table.Find(d.Id)?.PasswordBox, SealTo(d, vmk, roster.Safe, epoch)));
            var change = Change(Next(table, next, [.. boxes]), next, vmk, newSecret);
            foreach (var gone in roster.Devices.Where(d => next.FindDevice(d.Id) is null))
            {
                attempts.Refund(gone.Id);
            }

            return change;
        }
    }

    private SafeRoster CheckGenesis(byte[] bytes, OneTimeKey oneTimeKey)
    {
        try
        {
            var roster = SafeRoster.Replay([bytes]);
            var genesis = roster.Genesis;
            using var share = oneTimeKey.ServerShare.Borrow();
            bool ours = Same(genesis.Owner, InitialOwner) && genesis.ServerPin.AsSpan().SequenceEqual(ServerPin)
                && genesis.GatewayKey.AsSpan().SequenceEqual(GatewayKey) && genesis.Init.AsSpan().SequenceEqual(Init)
                && genesis.ServerShareHash.AsSpan().SequenceEqual(SHA512.HashData(share.Span));
            return ours ? roster : throw BadRequest("the genesis is for another owner, server or request");
        }
        catch (RosterException e)
        {
            throw BadRequest(e.Message);
        }
    }

    /// <summary>All but the X-Wing key, which is fresh in the genesis.</summary>
    private static bool Same(DeviceIdentity a, DeviceIdentity b) =>
        a.Member == b.Member && a.MemberName == b.MemberName && a.Device == b.Device && a.DeviceName == b.DeviceName
        && a.SigningKey.AsSpan().SequenceEqual(b.SigningKey) && a.TlsPin.AsSpan().SequenceEqual(b.TlsPin) && a.WireGuardKey.AsSpan().SequenceEqual(b.WireGuardKey);

    private (SafeRoster Roster, Device Self) Require(DeviceId device)
    {
        store.RequireKnown();
        var roster = store.Roster ?? throw new FaultException(FaultCodes.Unclaimed);
        return (roster, roster.FindDevice(device) ?? throw new FaultException(FaultCodes.UnknownDevice));
    }

    private static SafeRoster Extend(SafeRoster roster, byte[] bytes, Device self, out RosterEntry entry)
    {
        try
        {
            entry = RosterEntry.Parse(bytes);
            if (entry.Index != roster.Count || !entry.Previous.Span.SequenceEqual(roster.Head.Span))
            {
                throw new FaultException(FaultCodes.Moved);
            }

            return entry.Author == self.Id ? roster.Extend(entry) : throw BadRequest("signed by another device");
        }
        catch (MalformedException e)
        {
            throw BadRequest(e.Message);
        }
        catch (RosterException e)
        {
            throw e.Flaw switch
            {
                RosterFlaw.NotAllowed => new FaultException(FaultCodes.NotOwner, ("what", e.Message)),
                RosterFlaw.Conflict => new FaultException(RosterEntry.Parse(bytes) is AddMember ? FaultCodes.MemberExists : FaultCodes.MemberUnknown, ("what", e.Message)),
                _ => BadRequest(e.Message),
            };
        }
    }

    private SecretBuffer Unseal(OneTimeKey oneTimeKey, Purpose purpose, Device self, byte[] box, ReadOnlySpan<byte> request, int length)
    {
        byte[] aad = OpenAad.Encode(
            purpose, store.Roster!.Safe, self.Id, self.TlsPin, ServerPin, oneTimeKey.PublicKey, store.Roster.Head.Span, store.Header!.Generation, request);
        var message = OneTimeSeal.Open(oneTimeKey.Seed, box, aad, length);
        oneTimeKey.Dispose();
        return message ?? throw BadRequest("sealed to another key or purpose");
    }

    /// <summary>The volume master key, for one charged attempt.</summary>
    private SecretBuffer Unlock(HeaderTable table, Device self, SecretBuffer ck)
    {
        var boxes = table.Find(self.Id) ?? throw Damaged("a device without a box");
        if (boxes.PasswordBox is null)
        {
            throw new FaultException(FaultCodes.NotJoined);
        }

        var (tries, wait) = attempts.Charge(self.Id);
        var safe = store.Roster!.Safe;
        using var seed = PasswordBox.Open(ck, boxes.PasswordBox, safe, self.Member, self.Id, self.KemKey)
            ?? throw new FaultException(
                FaultCodes.WrongPassword, ("tries_left", tries.ToString(System.Globalization.CultureInfo.InvariantCulture)), ("seconds", Attempts.Seconds(wait)),
                ("device", self.Name));
        attempts.Refund(self.Id);
        var vmk = VolumeKeyBox.Open(seed, boxes.VolumeKeyBox, safe, self.Id, store.Epoch) ?? throw Damaged("the volume key's box does not open");
        RequireWhole(vmk);
        return vmk;
    }

    /// <summary>An id is signed by its own device alone: what it says is its X-Wing key need not be one.</summary>
    private static byte[] SealTo(Device device, SecretBuffer vmk, SafeId safe, uint epoch)
    {
        try
        {
            return VolumeKeyBox.Seal(device.KemKey, vmk, safe, device.Id, epoch);
        }
        catch (MalformedException e)
        {
            throw BadRequest($"{device.Name}: {e.What}");
        }
    }

    private void RequireWhole(SecretBuffer vmk)
    {
        if (!store.Header!.Verify(vmk))
        {
            vmk.Dispose();
            throw Damaged("the header was not written by a holder of the volume's key");
        }
    }

    private OpenedKeys Opened(SecretBuffer vmk, ulong oldestMarker) =>
        new(VolumeKeys.Derive(vmk), store.Roster!.Safe, store.Header!.Generation, oldestMarker);

    private HeaderTable Next(HeaderTable table, SafeRoster roster, IReadOnlyList<DeviceBoxes> devices) =>
        new(table.Volume, roster.Head.ToArray(), Math.Max(table.OldestMarker, markerWritten), devices);

    private HeaderChange Change(HeaderTable table, SafeRoster roster, SecretBuffer vmk, SecretBuffer? newSecret = null)
    {
        store.Change(table, roster, vmk, newSecret);
        using var opened = Opened(vmk, table.OldestMarker);
        return new HeaderChange(opened.Generation, roster.Head.ToArray(), opened.NewMarker());
    }

    private static void Split(SecretBuffer message, params ReadOnlySpan<SecretBuffer> parts)
    {
        using var from = message.Borrow();
        var rest = from.Span;
        foreach (var part in parts)
        {
            using var to = part.Borrow();
            rest[..to.Span.Length].CopyTo(to.Span);
            rest = rest[to.Span.Length..];
        }
    }

    private static FaultException BadRequest(string what) => new(FaultCodes.BadRequest, ("what", what));

    private static FaultException Damaged(string what) => new(FaultCodes.HeaderDamaged, ("why", what));
}
