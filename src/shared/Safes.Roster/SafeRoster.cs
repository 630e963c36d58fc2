using Safes.Keys;

namespace Safes.Roster;

/// <param name="Index">Of admission, from 0; never used again. The account's uid follows from it.</param>
/// <param name="Account">Its name in hosts, unique, in [a-z][a-z0-9-]{0,30}.</param>
public sealed record Member(MemberId Id, string Name, int Index, string Account, bool IsOwner);

/// <param name="Index">Of admission, from 0; never used again. The device's address in the tunnel follows from it.</param>
/// <param name="Joined">Whether it has made its password known; until then it is two factors.</param>
public sealed record Device(DeviceId Id, MemberId Member, string Name, int Index, byte[] SigningKey, byte[] TlsPin, byte[] WireGuardKey, byte[] KemKey, bool Joined)
{
    /// <summary>The same as its id's, for its whole life.</summary>
    public string Fingerprint => Keys.Fingerprint.Of(SigningKey);
}

/// <summary>What a client remembers of a roster: it must never see less, nor anything else.</summary>
public sealed record RosterPosition(byte[] Head, int Count);

/// <summary>
/// Who belongs to a safe: the result of replaying its signed chain. Immutable; every instance has been verified from the genesis on.
/// </summary>
public sealed class SafeRoster
{
    /// <summary>Addresses of devices are .2 to .254 of the tunnel's /24.</summary>
    public const int MostDevices = 253;

    private readonly RosterEntry[] entries;
    private readonly HashSet<string> accounts;

    private SafeRoster(RosterEntry[] entries, Member[] members, Device[] devices, HashSet<string> accounts, int admitted)
    {
        (this.entries, this.accounts, Admitted) = (entries, accounts, admitted);
        (Members, Devices) = (members, devices);
    }

    public Genesis Genesis => (Genesis)entries[0];

    public SafeId Safe => Genesis.Safe;

    public IReadOnlyList<RosterEntry> Entries => entries;

    public int Count => entries.Length;

    /// <summary>SHA-512 of the newest entry.</summary>
    public ReadOnlyMemory<byte> Head => entries[^1].Head;

    public RosterPosition Position => new(Head.ToArray(), Count);

    /// <summary>Present members, by admission.</summary>
    public IReadOnlyList<Member> Members { get; }

    /// <summary>Their devices, by admission.</summary>
    public IReadOnlyList<Device> Devices { get; }

    /// <summary>How many devices were ever admitted: the index of the next one.</summary>
    public int Admitted { get; }

    /// <exception cref="RosterException">Any entry is damaged, unsigned, out of order or not allowed.</exception>
    public static SafeRoster Replay(IEnumerable<ReadOnlyMemory<byte>> chain)
    {
        SafeRoster? roster = null;
        int index = 0;
        foreach (var bytes in chain)
        {
            var entry = Parse(bytes, index++);
            roster = roster is null ? Begin(entry) : roster.Extend(entry);
        }

        return roster ?? throw new RosterException(RosterFlaw.Truncated, 0, "no genesis");
    }

    /// <summary>With more entries behind, as <see cref="Replay"/> would have it.</summary>
    public SafeRoster Extend(IEnumerable<ReadOnlyMemory<byte>> tail)
    {
        var roster = this;
        foreach (var bytes in tail)
        {
            roster = roster.Extend(Parse(bytes, roster.Count));
        }

        return roster;
    }

    /// <summary>With one more entry, if it is properly signed, in its place and allowed.</summary>
    /// <exception cref="RosterException">It is not.</exception>
    public SafeRoster Extend(RosterEntry entry)
    {
        if (entry is Genesis || entry.Index != Count || !entry.Previous.Span.SequenceEqual(Head.Span))
        {
            throw new RosterException(RosterFlaw.OutOfOrder, Count, "does not follow the entry before it");
        }

        var author = FindDevice(entry.Author);
        if (author is null || !SigningKey.Verify(author.SigningKey, entry.Link.Body, entry.Link.Signature))
        {
            throw new RosterException(RosterFlaw.Unsigned, Count, "not signed by a device of the roster");
        }

        if (entry is AddMember or RemoveMember && !MemberOf(author).IsOwner)
        {
            throw new RosterException(RosterFlaw.NotAllowed, Count, "only owners change membership");
        }

        return entry switch
        {
            AddMember add => Admit(add),
            RemoveMember remove => Remove(remove),
            Rekey rekey => Change(rekey, author),
            _ => throw new RosterException(RosterFlaw.Damaged, Count, "unknown entry"),
        };
    }

    /// <summary>
    /// Checks that this is a continuation of what was seen before (the remembered position, or the one in an address).
    /// </summary>
    /// <exception cref="RosterException"><see cref="RosterFlaw.Truncated"/> or <see cref="RosterFlaw.Forked"/>.</exception>
    public void CheckContinues(RosterPosition remembered)
    {
        if (Count < remembered.Count)
        {
            throw new RosterException(RosterFlaw.Truncated, Count, $"{remembered.Count} entries were seen before");
        }

        if (remembered.Count < 1 || !entries[remembered.Count - 1].Head.Span.SequenceEqual(remembered.Head))
        {
            throw new RosterException(RosterFlaw.Forked, remembered.Count, "not a continuation of what was seen before");
        }
    }

    /// <summary>The roster as it was when it had <paramref name="head"/>; null when it never had.</summary>
    public SafeRoster? At(ReadOnlySpan<byte> head)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            if (entries[i].Head.Span.SequenceEqual(head))
            {
                return i == entries.Length - 1 ? this : Replay(entries.Take(i + 1).Select(e => e.Bytes));
            }
        }

        return null;
    }

    public Member? FindMember(MemberId id) => Members.FirstOrDefault(m => m.Id == id);

    public Member? FindMember(string name) => Members.FirstOrDefault(m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase));

    public Device? FindDevice(DeviceId id) => Devices.FirstOrDefault(d => d.Id == id);

    public Device? FindDeviceByPin(ReadOnlySpan<byte> tlsPin)
    {
        foreach (var d in Devices)
        {
            if (tlsPin.SequenceEqual(d.TlsPin))
            {
                return d;
            }
        }

        return null;
    }

    public Member MemberOf(Device device) => FindMember(device.Member) ?? throw new InvalidOperationException("a device without a member");

    private static RosterEntry Parse(ReadOnlyMemory<byte> bytes, int index)
    {
        try
        {
            return RosterEntry.Parse(bytes);
        }
        catch (MalformedException e)
        {
            throw new RosterException(e.Flaw == Flaw.OtherVersion ? RosterFlaw.OtherVersion : RosterFlaw.Damaged, index, e.What, e);
        }
    }

    private static SafeRoster Begin(RosterEntry entry)
    {
        if (entry is not Genesis genesis)
        {
            throw new RosterException(RosterFlaw.OutOfOrder, 0, "does not begin with a genesis");
        }

        if (!SigningKey.Verify(genesis.Owner.SigningKey, genesis.Link.Body, genesis.Link.Signature))
        {
            throw new RosterException(RosterFlaw.Unsigned, 0, "genesis not signed by its owner");
        }

        string account = Names.Account(genesis.Owner.MemberName, new HashSet<string>());
        return new SafeRoster(
            [genesis], [new Member(genesis.Owner.Member, genesis.Owner.MemberName, 0, account, IsOwner: true)],
            [NewDevice(genesis.Owner, 0, joined: true)], [account], 1);
    }

    private SafeRoster Admit(AddMember add)
    {
        var id = add.Identity;
        bool known = Members.Any(m => m.Id == id.Member || string.Equals(m.Name, id.MemberName, StringComparison.OrdinalIgnoreCase))
            || Devices.Any(d => d.Id == id.Device || d.SigningKey.AsSpan().SequenceEqual(id.SigningKey) || d.TlsPin.AsSpan().SequenceEqual(id.TlsPin)
                || d.WireGuardKey.AsSpan().SequenceEqual(id.WireGuardKey) || d.KemKey.AsSpan().SequenceEqual(id.KemKey));
        if (known)
        {
            throw new RosterException(RosterFlaw.Conflict, Count, "a member or device of this name or keys is there already");
        }

        if (Admitted >= MostDevices)
        {
            throw new RosterException(RosterFlaw.Conflict, Count, "no address is left for another device");
        }

        string account = Names.Account(id.MemberName, accounts);
        return new SafeRoster(
            [.. entries, add], [.. Members, new Member(id.Member, id.MemberName, Admitted, account, add.IsOwner)],
            [.. Devices, NewDevice(id, Admitted, joined: false)], [.. accounts, account], Admitted + 1);
    }

    private SafeRoster Remove(RemoveMember remove)
    {
        var member = FindMember(remove.Member) ?? throw new RosterException(RosterFlaw.Conflict, Count, "no such member");
        return member.IsOwner && Members.Count(m => m.IsOwner) == 1
            ? throw new RosterException(RosterFlaw.NotAllowed, Count, "the last owner cannot be removed")
            : new SafeRoster(
                [.. entries, remove], [.. Members.Where(m => m.Id != member.Id)], [.. Devices.Where(d => d.Member != member.Id)], accounts, Admitted);
    }

    private SafeRoster Change(Rekey rekey, Device device)
    {
        if (device.Joined)
        {
            throw new RosterException(RosterFlaw.NotAllowed, Count, "a device changes its key once, when it joins");
        }

        return Devices.Any(d => d.KemKey.AsSpan().SequenceEqual(rekey.KemKey))
            ? throw new RosterException(RosterFlaw.Conflict, Count, "that key is in use")
            : new SafeRoster(
                [.. entries, rekey], [.. Members],
                [.. Devices.Select(d => d.Id == device.Id ? d with { KemKey = rekey.KemKey, Joined = true } : d)], accounts, Admitted);
    }

    private static Device NewDevice(DeviceIdentity id, int index, bool joined) =>
        new(id.Device, id.Member, id.DeviceName, index, id.SigningKey, id.TlsPin, id.WireGuardKey, id.KemKey, joined);
}
