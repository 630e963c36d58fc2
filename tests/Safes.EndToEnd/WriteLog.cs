using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>
/// What a disk was told, in order, as QEMU's blklogwrites writes it down (the format of Linux's dm-log-writes): a block of its own, then
/// for each request a head of one sector and its data.
/// </summary>
internal sealed class WriteLog
{
    private const int Sector = 512;
    private const ulong Magic = 0x6a736677736872, FlushFlag = 1, ForceUnitAccess = 2, DiscardFlag = 4;

    private readonly string file;
    private readonly List<Request> requests = [];

    private WriteLog(string file) => this.file = file;

    private readonly record struct Request(long Offset, long Length, ulong Flags, long Data);

    /// <summary>Where the writes that began at a position or later end in the file: before a flush, there is something to lose.</summary>
    public IReadOnlyList<long> EndsAfter(long from) => [.. requests.Where(r => r.Data > from && r.Length > 0).Select(r => r.Data + r.Length)];

    /// <summary>Reads it up to a position in the file, or to its end: of a daemon that was killed the last request may be there in part.</summary>
    public static WriteLog Read(string file, long end = long.MaxValue)
    {
        var log = new WriteLog(file);
        using var from = Fcntl.Open(file, Fcntl.ReadOnly);
        long length = Math.Min(end, RandomAccess.GetLength(from)), at = Sector;
        byte[] head = new byte[32];
        if (length < Sector || RandomAccess.Read(from, head, 0) < head.Length || BinaryPrimitives.ReadUInt64LittleEndian(head) != Magic)
        {
            return log;
        }

        while (at + Sector <= length && RandomAccess.Read(from, head, at) == head.Length)
        {
            ulong Field(int n) => BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(8 * n));
            long bytes = (long)Field(1) * Sector;
            bool data = (Field(2) & DiscardFlag) == 0;
            if (at + Sector + (data ? bytes : 0) > length || (Field(1) | Field(2)) == 0)
            {
                break;
            }

            log.requests.Add(new Request((long)Field(0) * Sector, data ? bytes : 0, Field(2), at + Sector));
            at += Sector + (data ? bytes : 0);
        }

        return log;
    }

    /// <summary>
    /// Writes to an image what an honest disk would have after a power cut: all up to the last flush, and of what came later whatever its
    /// cache had got to: each sector or not.
    /// </summary>
    /// <returns>How many requests were whole, how many came after the last flush.</returns>
    public (int Durable, int Late) Replay(string image, Random random)
    {
        int durable = requests.FindLastIndex(r => (r.Flags & FlushFlag) != 0) + 1;
        using var from = Fcntl.Open(file, Fcntl.ReadOnly);
        using var to = Fcntl.Open(image, Fcntl.ReadWrite);
        for (int i = 0; i < requests.Count; i++)
        {
            bool whole = i < durable || (requests[i].Flags & ForceUnitAccess) != 0;
            // Most writes arrive or do not; one in four is torn.
            double kept = whole ? 1 : random.Next(4) switch { 0 => 0.5, 1 => 0, _ => random.Next(2) };
            Copy(requests[i], from, to, kept, random);
        }

        return (durable, requests.Count - durable);
    }

    private static void Copy(Request request, SafeFileHandle from, SafeFileHandle to, double kept, Random random)
    {
        byte[] buffer = new byte[Math.Min(request.Length, 1 << 20)];
        for (long done = 0; done < request.Length;)
        {
            int n = RandomAccess.Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, request.Length - done)), request.Data + done);
            if (n <= 0)
            {
                throw new InvalidOperationException($"the log of writes ends at {request.Data + done}");
            }

            if (kept == 1)
            {
                RandomAccess.Write(to, buffer.AsSpan(0, n), request.Offset + done);
            }
            else
            {
                for (int at = 0; at < n; at += Sector)
                {
                    if (random.NextDouble() < kept)
                    {
                        RandomAccess.Write(to, buffer.AsSpan(at, Math.Min(Sector, n - at)), request.Offset + done + at);
                    }
                }
            }

            done += n;
        }
    }
}
