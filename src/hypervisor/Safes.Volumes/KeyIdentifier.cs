using System.Buffers.Binary;

namespace Safes.Volumes;

/// <summary>What the kernel calls an encryption key by: 16 bytes derived one way from it (fscrypt's v2 identifier). Not secret.</summary>
public readonly record struct KeyIdentifier
{
    public const int Length = 16;

    private readonly UInt128 value;

    public KeyIdentifier(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Length);
        value = BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public void CopyTo(Span<byte> to) => BinaryPrimitives.WriteUInt128BigEndian(to, value);

    public byte[] ToArray()
    {
        byte[] bytes = new byte[Length];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>32 hexadecimal digits, as /proc/keys shows them.</summary>
    public override string ToString() => Convert.ToHexStringLower(ToArray());
}
