using System.Buffers.Binary;
using System.Text;

namespace Safes.Planting;

/// <summary>The beginning of a qcow2 file of version 3, as qemu-img writes it.</summary>
internal static class Qcow2Disk
{
    public const long Bytes = 16 << 20;

    public static byte[] Header(string? backing = null, long bytes = Bytes, (uint Kind, byte[] Content)? extension = null)
    {
        byte[] head = new byte[0x40000];
        void Word(int at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(at), value);
        Word(0, 0x514649FB);
        Word(4, 3);
        Word(20, 16);
        BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(24), bytes);
        Word(36, 1);
        Word(44, 0x30000);
        Word(52, 0x10000);
        Word(56, 1);
        Word(76, 16);
        Word(96, 4);
        Word(100, 112);
        int at = 112;
        if (backing is not null)
        {
            Extension(0xE2792ACA, "qcow2"u8);
        }

        if (extension is { } more)
        {
            Extension(more.Kind, more.Content);
        }

        at += 8;    // the end of extensions
        if (backing is not null)
        {
            Word(12, (uint)at);
            Word(16, (uint)Encoding.UTF8.GetBytes(backing, head.AsSpan(at)));
        }

        return head;

        void Extension(uint kind, ReadOnlySpan<byte> content)
        {
            Word(at, kind);
            Word(at + 4, (uint)content.Length);
            content.CopyTo(head.AsSpan(at + 8));
            at += 8 + ((content.Length + 7) / 8 * 8);
        }
    }
}
