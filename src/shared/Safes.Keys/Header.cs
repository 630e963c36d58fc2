using System.Buffers.Binary;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>
/// What is kept to open the volume: a clear part, the table under the server's secret, and an HMAC under the volume master key.
/// Parsing checks the form, <see cref="OpenTable"/> the server's part, <see cref="Verify"/> the whole.
/// </summary>
/// <remarks>
/// Big-endian: magic 8, version 2, safe 16, generation 8, epoch 4, length of the recovery box 2, recovery box, length of the sealed
/// table 4; sealed table; HMAC-SHA512 64.
/// </remarks>
public sealed class Header
{
    public const ushort Version = 1;
    public const int MostBytes = 4 * 1024 * 1024, MostRecovery = 4096;

    private const int Fixed = 8 + 2 + 16 + 8 + 4 + 2;
    private const int MacSize = 64;

    private readonly byte[] bytes;
    private readonly int clear;

    private Header(byte[] bytes, int clear) => (this.bytes, this.clear) = (bytes, clear);

    public static ReadOnlySpan<byte> Magic => "SAFESHDR"u8;

    public SafeId Safe => SafeId.Read(bytes.AsSpan(10, 16));

    /// <summary>Grows by one with every change of the header.</summary>
    public ulong Generation => BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(26));

    /// <summary>Which server secret the table is under.</summary>
    public uint Epoch => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(34));

    /// <summary>Room for the recovery box; empty so far.</summary>
    public ReadOnlyMemory<byte> Recovery => bytes.AsMemory(Fixed, BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(38)));

    public ReadOnlySpan<byte> Bytes => bytes;

    public static byte[] Write(
        SafeId safe, ulong generation, uint epoch, HeaderTable table, SecretBuffer serverSecret, SecretBuffer vmk, ReadOnlySpan<byte> recovery = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(recovery.Length, MostRecovery);
        byte[] plain = table.Encode();
        int length = Fixed + recovery.Length + 4;
        byte[] header = new byte[length + plain.Length + Aead.Overhead + MacSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(8), Version);
        safe.ToBytes().CopyTo(header, 10);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(26), generation);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(34), epoch);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(38), (ushort)recovery.Length);
        recovery.CopyTo(header.AsSpan(Fixed));
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(length - 4), plain.Length + Aead.Overhead);
        using var tableKey = Kdf.Derive(serverSecret, "safes/1/table"u8);
        Aead.Seal(tableKey, plain, header.AsSpan(0, length)).CopyTo(header, length);
        using var keys = VolumeKeys.Derive(vmk);
        Kdf.Mac(keys.Header, header.AsSpan(0, header.Length - MacSize)).CopyTo(header, header.Length - MacSize);
        return header;
    }

    /// <exception cref="MalformedException">Not a header, cut, or of another version.</exception>
    public static Header Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is < Fixed + 4 + Aead.Overhead + MacSize or > MostBytes || !bytes.StartsWith(Magic))
        {
            throw new MalformedException(Flaw.Damaged, "header");
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(bytes[8..]) != Version)
        {
            throw new MalformedException(Flaw.OtherVersion, "header");
        }

        int recovery = BinaryPrimitives.ReadUInt16BigEndian(bytes[38..]);
        int clear = Fixed + recovery + 4;
        if (recovery > MostRecovery || bytes.Length < clear + Aead.Overhead + MacSize
            || BinaryPrimitives.ReadInt32BigEndian(bytes[(clear - 4)..]) != bytes.Length - clear - MacSize)
        {
            throw new MalformedException(Flaw.Damaged, "header");
        }

        return new Header(bytes.ToArray(), clear);
    }

    /// <exception cref="MalformedException">Changed, or under another server's secret.</exception>
    public HeaderTable OpenTable(SecretBuffer serverSecret)
    {
        using var key = Kdf.Derive(serverSecret, "safes/1/table"u8);
        var box = bytes.AsSpan(clear, bytes.Length - clear - MacSize);
        byte[] table = new byte[box.Length - Aead.Overhead];
        return Aead.Open(table, key, box, bytes.AsSpan(0, clear))
            ? HeaderTable.Decode(table)
            : throw new MalformedException(Flaw.Damaged, "header table");
    }

    /// <summary>Whether the header was written by who held the volume master key.</summary>
    public bool Verify(SecretBuffer vmk)
    {
        using var keys = VolumeKeys.Derive(vmk);
        return Kdf.VerifyMac(keys.Header, bytes.AsSpan(0, bytes.Length - MacSize), bytes.AsSpan(bytes.Length - MacSize));
    }
}
