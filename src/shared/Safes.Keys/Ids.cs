using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Safes.Keys;

/// <summary>A safe: the first 16 bytes of SHA-512 over its roster's genesis.</summary>
public readonly record struct SafeId(UInt128 Value)
{
    public const int Size = 16;

    public static SafeId Read(ReadOnlySpan<byte> bytes) => new(Id.Read(bytes));

    public static SafeId Parse(string hex) => new(Id.Parse(hex));

    public byte[] ToBytes() => Id.ToBytes(Value);

    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => Id.ToText(Value);
}

/// <summary>A member: 16 random bytes, made with his first device.</summary>
public readonly record struct MemberId(UInt128 Value)
{
    public const int Size = 16;

    public static MemberId Random() => new(Id.Random());

    public static MemberId Read(ReadOnlySpan<byte> bytes) => new(Id.Read(bytes));

    public static MemberId Parse(string hex) => new(Id.Parse(hex));

    public byte[] ToBytes() => Id.ToBytes(Value);

    /// <inheritdoc cref="SafeId.ToString"/>
    public override string ToString() => Id.ToText(Value);
}

/// <summary>A member's enrolled computer: 16 random bytes.</summary>
public readonly record struct DeviceId(UInt128 Value)
{
    public const int Size = 16;

    public static DeviceId Random() => new(Id.Random());

    public static DeviceId Read(ReadOnlySpan<byte> bytes) => new(Id.Read(bytes));

    public static DeviceId Parse(string hex) => new(Id.Parse(hex));

    public byte[] ToBytes() => Id.ToBytes(Value);

    /// <inheritdoc cref="SafeId.ToString"/>
    public override string ToString() => Id.ToText(Value);
}

/// <summary>What the three kinds of id have in common.</summary>
internal static class Id
{
    public static UInt128 Random()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public static UInt128 Read(ReadOnlySpan<byte> bytes) => bytes.Length == 16
        ? BinaryPrimitives.ReadUInt128BigEndian(bytes)
        : throw new MalformedException(Flaw.Damaged, "an id has 16 bytes");

    public static UInt128 Parse(string hex)
    {
        Span<byte> bytes = stackalloc byte[16];
        return hex.Length == 32 && Convert.FromHexString(hex, bytes, out _, out int n) == System.Buffers.OperationStatus.Done && n == 16
            ? BinaryPrimitives.ReadUInt128BigEndian(bytes)
            : throw new MalformedException(Flaw.Damaged, "an id has 32 hexadecimal digits");
    }

    public static byte[] ToBytes(UInt128 value)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        return bytes;
    }

    public static string ToText(UInt128 value) => Convert.ToHexStringLower(ToBytes(value));
}
