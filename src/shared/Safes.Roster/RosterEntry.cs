using System.Formats.Cbor;
using System.Security.Cryptography;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Roster;

/// <summary>
/// One link of the roster: a body that names the head before it, signed by a device of the roster. <see cref="Head"/> is SHA-512 of
/// the whole entry, signature included.
/// </summary>
public abstract record RosterEntry
{
    private const string What = "roster entry";

    private protected RosterEntry(Link link) => Link = link;

    /// <summary>The entry as it is stored and sent.</summary>
    public ReadOnlyMemory<byte> Bytes => Link.Bytes;

    /// <summary>The head that the chain has with this entry.</summary>
    public ReadOnlyMemory<byte> Head => Link.Head;

    /// <summary>The head before it; empty for the genesis.</summary>
    public ReadOnlyMemory<byte> Previous => Link.Previous;

    /// <summary>The genesis is 0.</summary>
    public int Index => Link.Index;

    /// <summary>The device that signed it.</summary>
    public DeviceId Author => Link.Author;

    internal Link Link { get; }

    /// <summary>Checks the form alone; signature and place in the chain are checked by <see cref="SafeRoster"/>.</summary>
    /// <exception cref="MalformedException">Damaged, or of another version.</exception>
    public static RosterEntry Parse(ReadOnlyMemory<byte> entry)
    {
        byte[] bytes = entry.ToArray();
        var (body, signature) = Signed.Read(bytes, What);
        return CanonicalCbor.Decode(body, What, r => Read(r, bytes, body, signature));
    }

    private static RosterEntry Read(CborReader r, byte[] bytes, byte[] body, byte[] signature)
    {
        int? elements = r.ReadStartArray();
        string label = r.Text(64);
        RosterEntry entry = (label, elements) switch
        {
            (Genesis.Label, Genesis.Elements) => Genesis.Read(r, bytes, body, signature),
            (AddMember.Label, AddMember.Elements) => AddMember.Read(r, Link.Read(r, bytes, body, signature)),
            (RemoveMember.Label, RemoveMember.Elements) => new RemoveMember(Link.Read(r, bytes, body, signature), MemberId.Read(r.Bytes(MemberId.Size))),
            (Rekey.Label, Rekey.Elements) => new Rekey(Link.Read(r, bytes, body, signature), r.Bytes(KemKeyPair.PublicKeySize)),
            _ => throw new MalformedException(
                label.StartsWith("safes/", StringComparison.Ordinal) && !label.StartsWith("safes/1/", StringComparison.Ordinal) ? Flaw.OtherVersion : Flaw.Damaged, What),
        };
        r.ReadEndArray();
        return entry;
    }
}

/// <summary>Where an entry stands and what proves it.</summary>
internal sealed record Link(byte[] Bytes, byte[] Body, byte[] Signature, byte[] Previous, int Index, DeviceId Author)
{
    public const int Elements = 3;

    public byte[] Head { get; } = SHA512.HashData(Bytes);

    public static Link Read(CborReader r, byte[] bytes, byte[] body, byte[] signature) => new(
        bytes, body, signature, r.Bytes(64), r.ReadInt32() is var i and > 0 ? i : throw new MalformedException(Flaw.Damaged, "place of an entry"),
        DeviceId.Read(r.Bytes(DeviceId.Size)));

    /// <summary>Signs the entry that follows <paramref name="after"/>.</summary>
    public static byte[] Sign(string label, int elements, SafeRoster after, DeviceId author, SecretBuffer signingSeed, Action<CborWriter> write) =>
        Signed.Write(signingSeed, Signed.Body(label, elements, w =>
        {
            w.WriteByteString(after.Head.Span);
            w.WriteInt32(after.Count);
            w.WriteByteString(author.ToBytes());
            write(w);
        }));
}

/// <summary>
/// The first entry: the owner's id with the public key of the fresh seed, tied to one initialisation of one server and to the share
/// that this server put into the volume's key.
/// </summary>
public sealed record Genesis : RosterEntry
{
    internal const string Label = "safes/1/genesis";
    internal const int Elements = 1 + DeviceIdentity.Elements + 4;

    private Genesis(Link link, DeviceIdentity owner, byte[] serverPin, byte[] gatewayKey, byte[] init, byte[] shareHash)
        : base(link) => (Owner, ServerPin, GatewayKey, Init, ServerShareHash) = (owner, serverPin, gatewayKey, init, shareHash);

    public DeviceIdentity Owner { get; }

    public byte[] ServerPin { get; }

    public byte[] GatewayKey { get; }

    public byte[] Init { get; }

    /// <summary>SHA-512 of rs.</summary>
    public byte[] ServerShareHash { get; }

    /// <summary>SHA-512(genesis)[..16].</summary>
    public SafeId Safe => SafeId.Read(Link.Head.AsSpan(0, SafeId.Size));

    /// <param name="owner">The owner's identity with the public key of the seed that it is about to send.</param>
    public static Genesis Sign(SecretBuffer signingSeed, DeviceIdentity owner, byte[] serverPin, byte[] gatewayKey, byte[] init, ReadOnlySpan<byte> serverShare)
    {
        byte[] hash = SHA512.HashData(serverShare);
        return (Genesis)Parse(Signed.Write(signingSeed, Signed.Body(Label, Elements, w =>
        {
            owner.Write(w);
            w.WriteByteString(serverPin);
            w.WriteByteString(gatewayKey);
            w.WriteByteString(init);
            w.WriteByteString(hash);
        })));
    }

    internal static Genesis Read(CborReader r, byte[] bytes, byte[] body, byte[] signature)
    {
        var owner = DeviceIdentity.Read(r);
        return new Genesis(
            new Link(bytes, body, signature, [], 0, owner.Device), owner, r.Bytes(TlsIdentity.PinSize), r.Bytes(WireGuardKey.Size),
            r.Bytes(AddressFile.InitSize), r.Bytes(64));
    }
}

/// <summary>An owner admits a member with his first device.</summary>
public sealed record AddMember : RosterEntry
{
    internal const string Label = "safes/1/add-member";
    internal const int Elements = 1 + Link.Elements + DeviceIdentity.Elements + 1;

    private AddMember(Link link, DeviceIdentity identity, bool owner)
        : base(link) => (Identity, IsOwner) = (identity, owner);

    public DeviceIdentity Identity { get; }

    public bool IsOwner { get; }

    public static AddMember Sign(SafeRoster after, DeviceId author, SecretBuffer signingSeed, DeviceIdentity identity, bool owner) =>
        (AddMember)Parse(Link.Sign(Label, Elements, after, author, signingSeed, w =>
        {
            identity.Write(w);
            w.WriteBoolean(owner);
        }));

    internal static AddMember Read(CborReader r, Link link) => new(link, DeviceIdentity.Read(r), r.ReadBoolean());
}

/// <summary>An owner removes a member with all devices.</summary>
public sealed record RemoveMember : RosterEntry
{
    internal const string Label = "safes/1/remove-member";
    internal const int Elements = 1 + Link.Elements + 1;

    internal RemoveMember(Link link, MemberId member)
        : base(link) => Member = member;

    public MemberId Member { get; }

    public static RemoveMember Sign(SafeRoster after, DeviceId author, SecretBuffer signingSeed, MemberId member) =>
        (RemoveMember)Parse(Link.Sign(Label, Elements, after, author, signingSeed, w => w.WriteByteString(member.ToBytes())));
}

/// <summary>A device replaces its own public key, once, at its join: from then on its seed is sealed under its password.</summary>
public sealed record Rekey : RosterEntry
{
    internal const string Label = "safes/1/rekey";
    internal const int Elements = 1 + Link.Elements + 1;

    internal Rekey(Link link, byte[] kemKey)
        : base(link) => KemKey = kemKey;

    public byte[] KemKey { get; }

    public static Rekey Sign(SafeRoster after, DeviceId device, SecretBuffer signingSeed, byte[] kemKey) =>
        (Rekey)Parse(Link.Sign(Label, Elements, after, device, signingSeed, w => w.WriteByteString(kemKey)));
}
