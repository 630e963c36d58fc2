using Safes.Secrets;

namespace Safes.Keys.Tests;

/// <summary>A header with one joined device, and everything that opens it.</summary>
internal sealed class Team : IDisposable
{
    public SafeId Safe { get; } = new(UInt128.Parse("123456789012345678901234567890"));

    public MemberId Member { get; } = MemberId.Random();

    public DeviceId Device { get; } = DeviceId.Random();

    public SecretBuffer Ck { get; } = SecretBuffer.Random(32);

    public SecretBuffer Seed { get; } = KemKeyPair.NewSeed();

    public SecretBuffer Vmk { get; } = SecretBuffer.Random(32);

    public SecretBuffer Server { get; } = SecretBuffer.Random(32);

    public byte[] PublicKey => KemKeyPair.PublicKey(Seed);

    public HeaderTable Table() => new(VolumeParameters.Fscrypt, new byte[64], 1,
        [new DeviceBoxes(Device, PasswordBox.Seal(Ck, Seed, Safe, Member, Device, PublicKey), VolumeKeyBox.Seal(PublicKey, Vmk, Safe, Device, 1))]);

    public byte[] Header() => Keys.Header.Write(Safe, 1, 1, Table(), Server, Vmk);

    /// <summary>All of an open: null, or the exception of a parser, unless every check holds.</summary>
    public SecretBuffer? Open(ReadOnlySpan<byte> header, SecretBuffer ck, SecretBuffer server)
    {
        var parsed = Keys.Header.Parse(header);
        var boxes = parsed.OpenTable(server).Find(Device);
        using var seed = boxes is null ? null : PasswordBox.Open(ck, boxes.PasswordBox, parsed.Safe, Member, Device, PublicKey);
        var vmk = seed is null ? null : VolumeKeyBox.Open(seed, boxes!.VolumeKeyBox, parsed.Safe, Device, parsed.Epoch);
        return vmk is not null && parsed.Verify(vmk) ? vmk : null;
    }

    public void Dispose()
    {
        Ck.Dispose();
        Seed.Dispose();
        Vmk.Dispose();
        Server.Dispose();
    }
}
