using System.Security.Cryptography;
using System.Text.Json;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>A file as it was when the state was saved: anybody who touched it since has changed one of these.</summary>
public sealed record FileMark(ulong Inode, long Length, long ModifiedNanoseconds)
{
    internal static FileMark? Of(string file) =>
        Stat.Find(file) is { IsRegular: true } s ? new FileMark(s.Inode, s.Length, s.ModifiedNanoseconds) : null;
}

/// <summary>What a saved state belongs to. It stands beside the state, in room that was allocated beforehand, and is void once the state is used.</summary>
public sealed record StateRecord
{
    /// <summary>In bytes, of the file that is allocated for it.</summary>
    public const int Room = 16384;

    /// <summary>The end of the year 9999 in seconds since 1970: what is beyond cannot be shown, and no clock of ours wrote it.</summary>
    public const long LastUnix = 253_402_300_800;

    public required string Host { get; init; }

    /// <summary>Of the safe, when it was saved.</summary>
    public required ulong Generation { get; init; }

    /// <summary>SHA-256 of the state, whose end QEMU itself would not miss.</summary>
    public required string Digest { get; init; }

    /// <summary>How much of the state file is the state.</summary>
    public required long Length { get; init; }

    public required FileMark Ram { get; init; }

    public required FileMark Disk { get; init; }

    public required string Qemu { get; init; }

    public required string Accelerator { get; init; }

    /// <summary>What the guest was shown as its CPU, see <see cref="HostCpu"/>.</summary>
    public required string Cpu { get; init; }

    /// <summary>See <see cref="HostHardware.Shape"/>.</summary>
    public required string Hardware { get; init; }

    /// <summary>When, in seconds since 1970.</summary>
    public required long SavedUnix { get; init; }

    /// <summary>Reads the record of a machine; null when there is none, which is so unless it was suspended in order.</summary>
    /// <exception cref="StateMismatchException">Damaged: it is not what we write.</exception>
    public static StateRecord? Find(HostPlaces places)
    {
        byte[] bytes;
        try
        {
            using var fd = Fcntl.Open(places.StateRecord, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock);
            bytes = new byte[Room];
            int n = 0;
            for (int got; n < Room && (got = Unistd.Read(fd, bytes.AsSpan(n))) > 0; n += got)
            {
            }

            bytes = bytes[..n];
        }
        catch (LinuxException e)
        {
            // A link, a directory, a device: nothing that we wrote.
            return e.Number == Errno.NoEntry ? null : throw new StateMismatchException(StateProblem.Damaged, "record", "", "");
        }

        int end = Array.IndexOf(bytes, (byte)0);
        var text = bytes.AsSpan(0, end < 0 ? bytes.Length : end);
        if (text.IsEmpty)
        {
            return null;
        }

        try
        {
            if (JsonSerializer.Deserialize(text, QemuJson.Default.StateRecord) is { SavedUnix: >= 0 and < LastUnix } record)
            {
                return record;
            }
        }
        catch (JsonException)
        {
            // said below
        }

        throw new StateMismatchException(StateProblem.Damaged, "record", "", "");
    }

    /// <summary>Compares all that can be compared without QEMU.</summary>
    /// <exception cref="StateMismatchException">Something is not as it was.</exception>
    public void Check(HostHardware hardware, HostPlaces places, Tools tools)
    {
        Same("QEMU", Qemu, tools.QemuVersion);
        Same("accelerator", Accelerator, tools.Accelerator);
        Same("CPU", Cpu, HostCpu.Describe(tools.Accelerator));
        Same("hardware", Hardware, hardware.Shape(tools.Accelerator));
        Intact("record", Host == hardware.Name);
        Intact("ram", FileMark.Of(places.Ram) == Ram);
        Intact("disk", FileMark.Of(places.Disk) == Disk);
        Intact("state", Length > 0 && DigestOf(places.State, Length) == Digest);
    }

    /// <summary>Writes it into the room allocated, durably.</summary>
    internal void Write(HostPlaces places)
    {
        byte[] bytes = new byte[Room];
        byte[] text = JsonSerializer.SerializeToUtf8Bytes(this, QemuJson.Default.StateRecord);
        text.CopyTo(bytes, 0);
        using var fd = Fcntl.Open(places.StateRecord, Fcntl.WriteOnly | Fcntl.NoFollow | Fcntl.NonBlock);
        Unistd.Write(fd, bytes);
        Fcntl.Sync(fd, places.StateRecord);
    }

    /// <summary>SHA-256 in hexadecimal of a file's beginning; empty when the file is shorter or cannot be read.</summary>
    internal static string DigestOf(string file, long length)
    {
        try
        {
            using var fd = Fcntl.Open(file, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] buffer = new byte[1 << 18];
            while (length > 0)
            {
                int n = Unistd.Read(fd, buffer.AsSpan(0, (int)Math.Min(length, buffer.Length)));
                if (n == 0)
                {
                    return "";
                }

                hash.AppendData(buffer, 0, n);
                length -= n;
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (LinuxException)
        {
            return "";      // not there, or nothing that can be read: no digest is that
        }
    }

    private static void Same(string what, string saved, string here)
    {
        if (saved != here)
        {
            throw new StateMismatchException(StateProblem.Mismatch, what, saved, here);
        }
    }

    private static void Intact(string what, bool so)
    {
        if (!so)
        {
            throw new StateMismatchException(StateProblem.Damaged, what, "", "");
        }
    }
}

/// <summary>Which processes are a running machine.</summary>
internal sealed record ProcessRecord(int Qemu, ulong QemuStart, int Virtiofsd, ulong VirtiofsdStart, Guid Uuid);
