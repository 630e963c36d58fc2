using System.Buffers.Binary;
using System.Text;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Guardian;

/// <summary>What the daemon says to the guardian. Each is one record of the seqpacket socket and gets one answer.</summary>
internal enum GuardianCall : byte
{
    /// <summary>
    /// Who are you, and until when do you guard? Answered with the guardian's pid and pidfd, its deadline (0: not armed) and its version. This
    /// call and the beginning of its answer stay as they are in every version.
    /// </summary>
    Hello = 1,

    /// <summary>Guard this volume, with the daemon's mount namespace and pidfd.</summary>
    Arm = 2,
    Extend = 3,

    /// <summary>Processes to end, with their pidfds.</summary>
    Hold = 4,
    Disarm = 5,
    End = 6,
}

/// <summary>How the guardian answers.</summary>
internal enum GuardianAnswer : byte
{
    Done = 1,

    /// <summary>Not now: the key is present, or nothing is armed, or something else is.</summary>
    Refused = 2,

    /// <summary>The deadline has passed; the safe is being closed.</summary>
    Expired = 3,
}

/// <summary>The records' bytes: call, then little-endian fields, then texts each after its length.</summary>
internal static class GuardianMessage
{
    internal const int Limit = 9000, MaxProcesses = 16, HelloLength = 14;

    /// <summary>Of all the other records: to be raised with any change of theirs.</summary>
    internal const byte Version = 1;

    internal static byte[] Arm(GuardedVolume volume, TimeSpan deadline) =>
        [.. Extend(deadline, GuardianCall.Arm), .. volume.Key.ToArray(), .. Text(volume.File), .. Text(volume.MountPoint)];

    internal static (TimeSpan Deadline, GuardedVolume Volume) ReadArm(ReadOnlySpan<byte> record)
    {
        var deadline = ReadDeadline(record);
        var key = new KeyIdentifier(record.Slice(9, KeyIdentifier.Length));
        var rest = record[(9 + KeyIdentifier.Length)..];
        return (deadline, new GuardedVolume(ReadText(ref rest), ReadText(ref rest), key));
    }

    internal static byte[] Extend(TimeSpan deadline, GuardianCall call = GuardianCall.Extend)
    {
        byte[] record = new byte[9];
        record[0] = (byte)call;
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(1), deadline.Ticks);
        return record;
    }

    internal static TimeSpan ReadDeadline(ReadOnlySpan<byte> record) => TimeSpan.FromTicks(BinaryPrimitives.ReadInt64LittleEndian(record[1..]));

    internal static byte[] Hold(ReadOnlySpan<PidFd> processes)
    {
        byte[] record = new byte[1 + (4 * processes.Length)];
        record[0] = (byte)GuardianCall.Hold;
        for (int i = 0; i < processes.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(1 + (4 * i)), processes[i].Pid);
        }

        return record;
    }

    internal static int ReadPid(ReadOnlySpan<byte> record, int index) => BinaryPrimitives.ReadInt32LittleEndian(record[(1 + (4 * index))..]);

    internal static byte[] Hello(int pid, TimeSpan deadline, byte version = Version)
    {
        byte[] answer = new byte[HelloLength];
        answer[0] = (byte)GuardianAnswer.Done;
        BinaryPrimitives.WriteInt32LittleEndian(answer.AsSpan(1), pid);
        BinaryPrimitives.WriteInt64LittleEndian(answer.AsSpan(5), deadline.Ticks);
        answer[13] = version;
        return answer;
    }

    internal static (int Pid, TimeSpan Deadline, byte Version) ReadHello(ReadOnlySpan<byte> answer) =>
        (BinaryPrimitives.ReadInt32LittleEndian(answer[1..]), TimeSpan.FromTicks(BinaryPrimitives.ReadInt64LittleEndian(answer[5..])), answer[13]);

    private static byte[] Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text), record = new byte[bytes.Length + 2];
        BinaryPrimitives.WriteUInt16LittleEndian(record, checked((ushort)bytes.Length));
        bytes.CopyTo(record, 2);
        return record;
    }

    private static string ReadText(ref ReadOnlySpan<byte> record)
    {
        int length = BinaryPrimitives.ReadUInt16LittleEndian(record);
        string text = Encoding.UTF8.GetString(record.Slice(2, length));
        record = record[(2 + length)..];
        return text;
    }
}
