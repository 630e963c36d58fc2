using System.Buffers.Binary;
using System.Collections;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// Which memory a guest uses in the seconds after it goes on, remembered beside its RAM file and read ahead at the next resume. One bit for each
/// <see cref="Piece"/> of RAM. What a guest uses is asked of QEMU's page tables, not of the page cache: that also has what was read ahead in vain.
/// </summary>
public static class HotPages
{
    /// <summary>In bytes. A whole multiple of what the kernel maps around a fault, so that a record does not grow from itself.</summary>
    public const int Piece = 256 << 10;

    /// <summary>In bytes: no more is read ahead, and no more than a quarter of the memory that the server has left.</summary>
    public const long Most = 256L << 20;

    private const ushort Version = 1;
    private const int Page = 4096, HeadLength = 22, DigestLength = 32;
    private const ulong Present = 1UL << 63;

    private static ReadOnlySpan<byte> Magic => "SAFESHOT"u8;

    /// <summary>Bytes of the file for a machine of so much RAM.</summary>
    internal static int LengthFor(long memoryBytes) => checked((int)(HeadLength + ((Pieces(memoryBytes) + 7) / 8) + DigestLength));

    /// <summary>Allocates the file, so that it can be written on a full volume. No room for it: nothing will be remembered.</summary>
    /// <exception cref="LinuxException">Anything but ENOSPC.</exception>
    internal static void Reserve(HostPlaces places, long memoryBytes)
    {
        int length = LengthFor(memoryBytes);
        try
        {
            using var fd = Fcntl.Open(places.HotPages, Fcntl.ReadWrite | Fcntl.Create | Fcntl.NoFollow | Fcntl.NonBlock);
            if (IsOwn(fd) && Stat.Of(fd).Length != length)
            {
                RandomAccess.SetLength(fd, 0);
                Fcntl.Allocate(fd, 0, length, places.HotPages);
            }
        }
        catch (LinuxException e) when (e.Number == Errno.NoSpace)
        {
            // The next reservation tries again.
        }
    }

    /// <summary>Has the pieces that were remembered read into the page cache; nothing when there is no record of this very machine. Blocks, for as long as the volume does.</summary>
    /// <returns>Bytes asked for.</returns>
    /// <exception cref="OperationCanceledException">Stopped between two pieces. Nothing is open any more.</exception>
    /// <exception cref="LinuxException">EIO: the volume cannot be read.</exception>
    internal static long ReadAhead(HostPlaces places, long memoryBytes, CancellationToken stop)
    {
        if (Find(places, memoryBytes) is not { } hot)
        {
            return 0;
        }

        long left = Math.Min(Most, (Machine.MemoryAvailable ?? 0) / 4), asked = 0;
        using var ram = Fcntl.Open(places.Ram, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock);
        for (int n = 0; IsOwn(ram) && n < hot.Length && asked < left; n++)
        {
            stop.ThrowIfCancellationRequested();
            if (hot[n])
            {
                Fcntl.ReadAhead(ram, (long)n * Piece, Piece, places.Ram);
                asked += Piece;
            }
        }

        return asked;
    }

    /// <summary>Remembers what a process has used of the RAM file it maps. Blocks.</summary>
    /// <returns>False: it has ended, or there is no room reserved; what was remembered before stays.</returns>
    /// <exception cref="IOException">The volume cannot be read or written.</exception>
    internal static bool Record(HostPlaces places, long memoryBytes, int process, IMachineRights? rights = null)
    {
        var hot = new BitArray(checked((int)Pieces(memoryBytes)));
        try
        {
            return Stat.Find(places.Ram) is { } ram && Mark(hot, ram, process, rights ?? RootsRights.Instance) && Write(places, memoryBytes, hot);
        }
        catch (IOException) when (!Directory.Exists($"/proc/{process}"))
        {
            return false;
        }
    }

    /// <summary>The record of a machine of so much RAM; null when there is none, or it is not wholly what we write.</summary>
    internal static BitArray? Find(HostPlaces places, long memoryBytes)
    {
        byte[] bytes = new byte[LengthFor(memoryBytes) + 1];
        int length = 0;
        try
        {
            using var fd = Fcntl.Open(places.HotPages, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock);
            for (int got; IsOwn(fd) && length < bytes.Length && (got = Unistd.Read(fd, bytes.AsSpan(length))) > 0; length += got)
            {
            }
        }
        catch (LinuxException e) when (e.Number != Errno.Io)
        {
            return null;    // not there, or a link: nothing that we wrote
        }

        return Parse(bytes.AsSpan(0, length), memoryBytes);
    }

    internal static BitArray? Parse(ReadOnlySpan<byte> bytes, long memoryBytes)
    {
        if (bytes.Length != LengthFor(memoryBytes))
        {
            return null;
        }

        Span<byte> digest = stackalloc byte[DigestLength], head = stackalloc byte[HeadLength];
        SHA256.HashData(bytes[..^DigestLength], digest);
        WriteHead(head, memoryBytes);
        if (!bytes[..HeadLength].SequenceEqual(head) || !bytes[^DigestLength..].SequenceEqual(digest))
        {
            return null;
        }

        return new BitArray(bytes[HeadLength..^DigestLength].ToArray()) { Length = (int)Pieces(memoryBytes) };
    }

    internal static byte[] Format(BitArray hot, long memoryBytes)
    {
        byte[] bytes = new byte[LengthFor(memoryBytes)];
        WriteHead(bytes, memoryBytes);
        hot.CopyTo(bytes, HeadLength);
        SHA256.HashData(bytes.AsSpan(..^DigestLength), bytes.AsSpan(^DigestLength..));
        return bytes;
    }

    /// <summary>Written in place: the room is there. What a cut leaves of it does not fit its digest.</summary>
    internal static bool Write(HostPlaces places, long memoryBytes, BitArray hot)
    {
        if (Stat.Find(places.HotPages) is not { IsRegular: true })
        {
            return false;   // there was no room for it; a pipe would not even be opened
        }

        using var fd = Fcntl.Open(places.HotPages, Fcntl.WriteOnly | Fcntl.NoFollow | Fcntl.NonBlock);
        if (!IsOwn(fd) || Stat.Of(fd).Length != LengthFor(memoryBytes))
        {
            return false;
        }

        Unistd.Write(fd, Format(hot, memoryBytes));
        return true;
    }

    private static void WriteHead(Span<byte> head, long memoryBytes)
    {
        Magic.CopyTo(head);
        BinaryPrimitives.WriteUInt16BigEndian(head[8..], Version);
        BinaryPrimitives.WriteUInt32BigEndian(head[10..], Piece);
        BinaryPrimitives.WriteUInt64BigEndian(head[14..], (ulong)memoryBytes);
    }

    private static long Pieces(long memoryBytes) => (memoryBytes + Piece - 1) / Piece;

    /// <summary>The directory is QEMU's user's: what lies there by that name may be a link to another's file, or a pipe.</summary>
    private static bool IsOwn(SafeFileHandle fd) => Stat.Of(fd) is { IsRegular: true, Links: 1 };

    /// <summary>"START-END PERMISSIONS OFFSET MAJOR:MINOR INODE  PATH": where it maps the file; then a word for each page, whose highest bit says that it is there.</summary>
    private static bool Mark(BitArray hot, FileStatus ram, int process, IMachineRights rights)
    {
        bool found = false;
        string device = string.Create(CultureInfo.InvariantCulture, $"{ram.Device.Major:x2}:{ram.Device.Minor:x2}"), inode = ram.Inode.ToString(CultureInfo.InvariantCulture);
        var (maps, pages) = rights.OpenPages(process);
        using var reading = new StreamReader(new FileStream(maps, FileAccess.Read, 0));
        using var closing = pages;
        byte[] words = new byte[1 << 16];
        while (reading.ReadLine() is { } line)
        {
            string[] fields = line.Split(' ', 6);
            if (fields.Length < 5 || fields[3] != device || fields[4] != inode)
            {
                continue;
            }

            string[] range = fields[0].Split('-');
            long start = Hex(range[0]), end = Hex(range[1]), offset = Hex(fields[2]);
            for (long at = start; at < end;)
            {
                int n = RandomAccess.Read(pages, words.AsSpan(0, (int)Math.Min(words.Length, (end - at) / Page * 8)), at / Page * 8) / 8;
                for (int i = 0; i < n; i++, at += Page)
                {
                    long piece = (at - start + offset) / Piece;
                    if (piece < hot.Length && (BinaryPrimitives.ReadUInt64LittleEndian(words.AsSpan(i * 8)) & Present) != 0)
                    {
                        hot[(int)piece] = true;
                    }
                }

                if (n == 0)
                {
                    return false;       // it has just ended
                }
            }

            found = true;
        }

        return found;
    }

    private static long Hex(string number) => long.Parse(number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
