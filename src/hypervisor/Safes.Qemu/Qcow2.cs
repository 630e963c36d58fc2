using System.Buffers.Binary;
using System.Text;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// The header of a qcow2 file, read without QEMU's programs, which would open whatever it names: another file as the backing of the disk or
/// as its data, a server on the network. Only what we make ourselves passes.
/// </summary>
internal static class Qcow2
{
    private const int Most = 1 << 16, LongestName = 1023;
    private const uint BackingFormat = 0xE2792ACA, FeatureNames = 0x6803F857;

    /// <summary>Dirty, corrupt (QEMU says so itself), compression, subclusters. An external data file (2) is not among them.</summary>
    private const ulong Features = 0b11011;

    /// <summary>QEMU's own limits, in bytes.</summary>
    private const long Largest = 1L << 40, LargestMapping = 32 << 20, LargestCounts = 8 << 20;

    /// <summary>Null when it is in order, else what is wrong with it.</summary>
    /// <param name="backing">The one file it has to stand on, as its header names it; null: none.</param>
    /// <param name="bytes">The size that a guest has to see; null: any.</param>
    public static string? Fault(string file, string? backing, long? bytes = null)
    {
        byte[] head = new byte[Most];
        long length;
        try
        {
            using var fd = Fcntl.Open(file, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock);
            if (Stat.Of(fd) is not { IsRegular: true } status)
            {
                return "is not a regular file";
            }

            length = status.Length;
            head = head[..RandomAccess.Read(fd, head, 0)];
        }
        catch (IOException e)
        {
            return $"cannot be read: {e.Message}";
        }

        return Fault(head, length, backing, bytes);
    }

    internal static string? Fault(ReadOnlySpan<byte> head, long length, string? backing, long? bytes)
    {
        if (head.Length < 104 || Word(head, 0) != 0x514649FB || Word(head, 4) != 3)
        {
            return "is no qcow2 file of version 3";
        }

        uint cluster = Word(head, 20), header = Word(head, 100);
        ulong size = Long(head, 24), features = Long(head, 72);
        if ((features & ~Features) != 0 || Word(head, 32) != 0 || Word(head, 60) != 0)
        {
            return "has features that no disk of ours has, as would be its data in another file";
        }

        if (cluster is < 9 or > 21 || size is 0 or > Largest || size % 512 != 0 || (bytes is { } wanted && size != (ulong)wanted))
        {
            return $"says that it is a disk of {size} bytes";
        }

        long mapping = Word(head, 36) * 8L, counts = (long)Word(head, 56) << (int)cluster;
        if (mapping > LargestMapping || counts > LargestCounts || !Within(Long(head, 40), mapping, length) || !Within(Long(head, 48), counts, length))
        {
            return "has tables that are not in it";
        }

        return header is < 104 or > 512 || header > head.Length || !ExtensionsAreOurs(head[(int)header..])
            ? "has a header that no disk of ours has"
            : Backing(head, backing);
    }

    private static string? Backing(ReadOnlySpan<byte> head, string? wanted)
    {
        ulong at = Long(head, 8);
        uint length = Word(head, 16);
        if (at == 0 && length == 0)
        {
            return wanted is null ? null : $"does not stand on {wanted}";
        }

        return length <= LongestName && Within(at, length, head.Length) && wanted == Encoding.UTF8.GetString(head.Slice((int)at, (int)length))
            ? null
            : "stands on a file that is not its image";
    }

    private static bool ExtensionsAreOurs(ReadOnlySpan<byte> rest)
    {
        while (rest.Length >= 8)
        {
            uint kind = Word(rest, 0), length = Word(rest, 4);
            if (kind == 0)
            {
                return true;
            }

            long padded = 8 + (((long)length + 7) / 8 * 8);
            if (padded > rest.Length || !(kind == FeatureNames || (kind == BackingFormat && rest.Slice(8, (int)length).SequenceEqual("qcow2"u8))))
            {
                return false;
            }

            rest = rest[(int)padded..];
        }

        return false;
    }

    private static bool Within(ulong at, long bytes, long length) => at <= (ulong)length && (long)at + bytes <= length;

    private static uint Word(ReadOnlySpan<byte> head, int at) => BinaryPrimitives.ReadUInt32BigEndian(head[at..]);

    private static ulong Long(ReadOnlySpan<byte> head, int at) => BinaryPrimitives.ReadUInt64BigEndian(head[at..]);
}
