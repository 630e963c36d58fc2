using System.Buffers.Binary;
using Safes.Roster;

namespace Safes.Client.Profile;

/// <summary>A roster's entries in a file: each behind its length, 4 bytes, big-endian.</summary>
internal static class Chain
{
    public static byte[] Write(SafeRoster roster)
    {
        using var file = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        foreach (var entry in roster.Entries)
        {
            BinaryPrimitives.WriteInt32BigEndian(length, entry.Bytes.Length);
            file.Write(length);
            file.Write(entry.Bytes.Span);
        }

        return file.ToArray();
    }

    public static IEnumerable<ReadOnlyMemory<byte>> Read(ReadOnlyMemory<byte> file)
    {
        while (!file.IsEmpty)
        {
            int length = file.Length >= 4 ? BinaryPrimitives.ReadInt32BigEndian(file.Span) : -1;
            if (length < 1 || length > file.Length - 4)
            {
                throw new FormatException("a roster's file is cut");
            }

            yield return file.Slice(4, length);
            file = file[(4 + length)..];
        }
    }
}
