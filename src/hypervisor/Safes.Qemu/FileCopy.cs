using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>Copies files that are mostly empty: holes and pages of zeros stay holes.</summary>
internal static class FileCopy
{
    private const int Page = 4096, Chunk = 1 << 20;

    /// <summary>Copies into a new file. Blocks.</summary>
    public static void Run(string from, string to, uint mode)
    {
        using var source = Fcntl.Open(from, Fcntl.ReadOnly | Fcntl.NoFollow);
        using var target = Fcntl.Open(to, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Truncate | Fcntl.NoFollow, mode);
        long length = Stat.Of(source).Length;
        RandomAccess.SetLength(target, length);
        byte[] buffer = new byte[Chunk];
        long at = 0;
        while (at < length && Unistd.NextData(source, at) is { } data)
        {
            for (at = data.Start / Page * Page; at < data.End;)
            {
                int n = Fill(source, buffer, at, data.End);
                WriteData(target, buffer.AsSpan(0, n), at);
                at += n;
            }
        }
    }

    /// <summary>The same, and the SHA-256 of the whole content in hexadecimal, read once.</summary>
    public static string RunAndDigest(string from, string to, uint mode)
    {
        using var source = Fcntl.Open(from, Fcntl.ReadOnly | Fcntl.NoFollow);
        using var target = Fcntl.Open(to, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Truncate | Fcntl.NoFollow, mode);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long length = Stat.Of(source).Length;
        RandomAccess.SetLength(target, length);
        byte[] buffer = new byte[Chunk];
        for (long at = 0; at < length;)
        {
            int n = Fill(source, buffer, at, length);
            if (n == 0)
            {
                break;
            }

            hash.AppendData(buffer, 0, n);
            WriteData(target, buffer.AsSpan(0, n), at);
            at += n;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static int Fill(SafeFileHandle source, byte[] buffer, long at, long end)
    {
        int wanted = (int)Math.Min(buffer.Length, end - at), n = 0;
        for (int got; n < wanted && (got = RandomAccess.Read(source, buffer.AsSpan(n, wanted - n), at + n)) > 0; n += got)
        {
        }

        return n;
    }

    private static void WriteData(SafeFileHandle target, ReadOnlySpan<byte> bytes, long at)
    {
        int start = -1;
        for (int page = 0; page < bytes.Length; page += Page)
        {
            bool empty = bytes.Slice(page, Math.Min(Page, bytes.Length - page)).IndexOfAnyExcept((byte)0) < 0;
            if (!empty && start < 0)
            {
                start = page;
            }
            else if (empty && start >= 0)
            {
                RandomAccess.Write(target, bytes[start..page], at + start);
                start = -1;
            }
        }

        if (start >= 0)
        {
            RandomAccess.Write(target, bytes[start..], at + start);
        }
    }
}
