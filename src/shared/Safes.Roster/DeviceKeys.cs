using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Roster;

/// <summary>
/// A device's own secrets. None of them tests a password. <see cref="Serialise"/> gives the content of the device's 0600 file.
/// </summary>
public sealed class DeviceKeys : IDisposable
{
    private const int HasSeed = 8 + 2 + 16 + 16 + 4 + 4 + (5 * 32), FixedSize = HasSeed + 1 + 32 + 1 + 1, ChecksumSize = 16;

    private DeviceKeys(
        MemberId member, string memberName, DeviceId device, string deviceName, Argon2Parameters cost, DeviceSecret secret,
        SecretBuffer signing, SecretBuffer tls, SecretBuffer wireGuard, SecretBuffer? firstSeed)
    {
        (Member, MemberName, Device, DeviceName, Cost, Secret) = (member, memberName, device, deviceName, cost, secret);
        (Signing, Tls, WireGuard, FirstSeed) = (signing, tls, wireGuard, firstSeed);
    }

    public MemberId Member { get; }

    public string MemberName { get; }

    public DeviceId Device { get; }

    public string DeviceName { get; }

    public Argon2Parameters Cost { get; }

    /// <summary>DS and the salt.</summary>
    public DeviceSecret Secret { get; }

    /// <summary>Ed25519, its seed.</summary>
    public SecretBuffer Signing { get; }

    /// <summary>P-256, its scalar.</summary>
    public SecretBuffer Tls { get; }

    public SecretBuffer WireGuard { get; }

    /// <summary>The X-Wing seed of the id; null once the device has joined and has wiped it.</summary>
    public SecretBuffer? FirstSeed { get; private set; }

    private static ReadOnlySpan<byte> Magic => "SAFESDEV"u8;

    /// <exception cref="ArgumentException">A name that none may have, see <see cref="Names.IsValid"/>.</exception>
    public static DeviceKeys Generate(string memberName, string deviceName, Argon2Parameters? cost = null)
    {
        if (!Names.IsValid(memberName) || !Names.IsValid(deviceName))
        {
            throw new ArgumentException("not a valid name");
        }

        return new DeviceKeys(
            MemberId.Random(), memberName, DeviceId.Random(), deviceName, cost ?? Argon2Parameters.Default,
            new DeviceSecret(SecretBuffer.Random(DeviceSecret.SecretSize), RandomNumberGenerator.GetBytes(DeviceSecret.SaltSize)),
            SecretBuffer.Random(SigningKey.SeedSize), TlsIdentity.NewKey(), WireGuardKey.New(), KemKeyPair.NewSeed());
    }

    /// <summary>The device's public side with <paramref name="seed"/>'s public key.</summary>
    public DeviceIdentity Identity(SecretBuffer seed) => new(
        Member, MemberName, Device, DeviceName, SigningKey.PublicKey(Signing), TlsIdentity.Pin(Tls), WireGuardKey.PublicKey(WireGuard),
        KemKeyPair.PublicKey(seed));

    /// <summary>The id to send to an owner or to the supplier. Only before the first seed is forgotten.</summary>
    public IdFile CreateId() => IdFile.Create(Identity(FirstSeed ?? throw new InvalidOperationException("the first seed is gone")), Signing);

    public X509Certificate2 CreateCertificate() => TlsIdentity.Certificate(Tls, "safes-device");

    public SecretBuffer DeriveKey(SecretBuffer passwordUtf8, SafeId safe) => PasswordKey.Derive(passwordUtf8, Secret, safe, Member, Device, Cost);

    /// <summary>After the join: from now on the seed exists at the hypervisor alone.</summary>
    public void ForgetFirstSeed()
    {
        FirstSeed?.Dispose();
        FirstSeed = null;
    }

    /// <remarks>
    /// Big-endian: magic 8, version 2, member 16, device 16, memory in KiB 4, passes 4, DS 32, salt 32, signing seed 32, TLS scalar 32,
    /// WireGuard key 32, 1 if a first seed follows, first seed 32, lengths of the two names 1 + 1, names, SHA-512[..16] of all before.
    /// </remarks>
    public SecretBuffer Serialise()
    {
        byte[] names = [.. Encoding.UTF8.GetBytes(MemberName), .. Encoding.UTF8.GetBytes(DeviceName)];
        int memberLength = Encoding.UTF8.GetByteCount(MemberName);
        var buffer = SecretBuffer.Allocate(FixedSize + names.Length + ChecksumSize);
        using var lease = buffer.Borrow();
        var all = lease.Span;
        var to = all;
        Put(ref to, Magic);
        BinaryPrimitives.WriteUInt16BigEndian(Next(ref to, 2), 1);
        Put(ref to, Member.ToBytes());
        Put(ref to, Device.ToBytes());
        BinaryPrimitives.WriteInt32BigEndian(Next(ref to, 4), Cost.MemoryKiB);
        BinaryPrimitives.WriteInt32BigEndian(Next(ref to, 4), Cost.Passes);
        Put(ref to, Secret.Secret);
        Put(ref to, Secret.Salt);
        Put(ref to, Signing);
        Put(ref to, Tls);
        Put(ref to, WireGuard);
        Next(ref to, 1)[0] = FirstSeed is null ? (byte)0 : (byte)1;
        if (FirstSeed is null)
        {
            Next(ref to, 32).Clear();
        }
        else
        {
            Put(ref to, FirstSeed);
        }

        Next(ref to, 1)[0] = (byte)memberLength;
        Next(ref to, 1)[0] = (byte)(names.Length - memberLength);
        Put(ref to, names);
        Checksum(all[..^ChecksumSize], to);
        return buffer;
    }

    /// <exception cref="MalformedException">Damaged, or of another version.</exception>
    public static DeviceKeys Parse(SecretBuffer file)
    {
        using var lease = file.Borrow();
        ReadOnlySpan<byte> all = lease.Span;
        if (all.Length < FixedSize + ChecksumSize || !all.StartsWith(Magic))
        {
            throw new MalformedException(Flaw.Damaged, "device keys");
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(all[8..]) != 1)
        {
            throw new MalformedException(Flaw.OtherVersion, "device keys");
        }

        Span<byte> checksum = stackalloc byte[ChecksumSize];
        Checksum(all[..^ChecksumSize], checksum);
        int memberLength = all[FixedSize - 2], deviceLength = all[FixedSize - 1];
        if (!checksum.SequenceEqual(all[^ChecksumSize..]) || all.Length != FixedSize + memberLength + deviceLength + ChecksumSize)
        {
            throw new MalformedException(Flaw.Damaged, "device keys");
        }

        var from = all[10..];
        var member = MemberId.Read(Take(ref from, 16));
        var device = DeviceId.Read(Take(ref from, 16));
        int memory = BinaryPrimitives.ReadInt32BigEndian(Take(ref from, 4)), passes = BinaryPrimitives.ReadInt32BigEndian(Take(ref from, 4));
        byte has = all[HasSeed];
        string memberName = Encoding.UTF8.GetString(all.Slice(FixedSize, memberLength));
        string deviceName = Encoding.UTF8.GetString(all.Slice(FixedSize + memberLength, deviceLength));
        if (!Names.IsValid(memberName) || !Names.IsValid(deviceName) || memory is < Argon2Parameters.FloorMemoryKiB or > Argon2Parameters.MostMemoryKiB
            || passes is < Argon2Parameters.FloorPasses or > Argon2Parameters.MostPasses
            || has > 1 || (has == 0 && all[(HasSeed + 1)..(HasSeed + 33)].ContainsAnyExcept((byte)0)))
        {
            throw new MalformedException(Flaw.Damaged, "device keys");
        }

        var secret = Copy(ref from);
        byte[] salt = Take(ref from, 32).ToArray();
        var (signing, tls, wireGuard) = (Copy(ref from), Copy(ref from), Copy(ref from));
        bool hasSeed = has == 1;
        Take(ref from, 1);
        return new DeviceKeys(
            member, memberName, device, deviceName, new Argon2Parameters(memory, passes), new DeviceSecret(secret, salt), signing, tls, wireGuard,
            hasSeed ? Copy(ref from) : null);
    }

    public void Dispose()
    {
        Secret.Secret.Dispose();
        Signing.Dispose();
        Tls.Dispose();
        WireGuard.Dispose();
        FirstSeed?.Dispose();
    }

    private static void Checksum(ReadOnlySpan<byte> of, Span<byte> to)
    {
        Span<byte> hash = stackalloc byte[64];
        _ = SHA512.HashData(of, hash);
        hash[..ChecksumSize].CopyTo(to);
    }

    private static Span<byte> Next(ref Span<byte> to, int length)
    {
        var part = to[..length];
        to = to[length..];
        return part;
    }

    private static void Put(ref Span<byte> to, ReadOnlySpan<byte> bytes) => bytes.CopyTo(Next(ref to, bytes.Length));

    private static void Put(ref Span<byte> to, SecretBuffer secret)
    {
        using var lease = secret.Borrow();
        Put(ref to, lease.Span);
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> from, int length)
    {
        var part = from[..length];
        from = from[length..];
        return part;
    }

    private static SecretBuffer Copy(ref ReadOnlySpan<byte> from)
    {
        var copy = SecretBuffer.Allocate(32);
        using var lease = copy.Borrow();
        Take(ref from, 32).CopyTo(lease.Span);
        return copy;
    }
}
