using System.Buffers;
using System.Globalization;
using System.Text;

namespace Safes.Hypervisor.Doctor;

/// <summary>A cpio archive of the "newc" kind, as the kernel unpacks it at boot. Enough for a probe: directories and programs.</summary>
internal sealed class Initramfs
{
    private readonly ArrayBufferWriter<byte> bytes = new();
    private int entries;

    public void Directory(string path) => Add(path, 0x41ed, []);

    public void File(string path, ReadOnlySpan<byte> content) => Add(path, 0x81ed, content);

    public byte[] ToArray()
    {
        Add("TRAILER!!!", 0, []);
        return bytes.WrittenSpan.ToArray();
    }

    private void Add(string path, uint mode, ReadOnlySpan<byte> content)
    {
        byte[] name = [.. Encoding.ASCII.GetBytes(path), 0];
        // inode, mode, user, group, links, time, length, device (2), special device (2), length of the name, no checksum
        uint[] fields = [(uint)++entries, mode, 0, 0, 1, 0, (uint)content.Length, 0, 0, 0, 0, (uint)name.Length, 0];
        bytes.Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(f => f.ToString("x8", CultureInfo.InvariantCulture)))));
        bytes.Write(name);
        Pad();
        bytes.Write(content);
        Pad();
    }

    private void Pad() => bytes.Write(new byte[(4 - (bytes.WrittenCount % 4)) % 4]);
}
