using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Safes.Volumes;

/// <summary>What the file system in a volume file says of itself, read before the kernel mounts it.</summary>
internal sealed record Ext4Superblock(Guid FileSystem, long Bytes, bool HasEncryption)
{
    private const int Offset = 1024, Length = 1024;
    private const uint Has64Bit = 0x80, HasEncrypt = 0x10000;

    /// <summary>Null when it is no ext4.</summary>
    internal static Ext4Superblock? Read(SafeFileHandle file)
    {
        Span<byte> s = stackalloc byte[Length];
        return RandomAccess.Read(file, s, Offset) == Length ? Parse(s) : null;
    }

    internal static Ext4Superblock? Parse(ReadOnlySpan<byte> s)
    {
        int shift = (int)BinaryPrimitives.ReadUInt32LittleEndian(s[0x18..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(s[0x38..]) != 0xef53 || shift is < 0 or > 6)
        {
            return null;
        }

        uint features = BinaryPrimitives.ReadUInt32LittleEndian(s[0x60..]);
        ulong high = (features & Has64Bit) != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(s[0x150..]) : 0;
        UInt128 bytes = (UInt128)((high << 32) | BinaryPrimitives.ReadUInt32LittleEndian(s[0x4..])) << (10 + shift);
        return bytes > long.MaxValue ? null : new Ext4Superblock(new Guid(s.Slice(0x68, 16), bigEndian: true), (long)bytes, (features & HasEncrypt) != 0);
    }
}
