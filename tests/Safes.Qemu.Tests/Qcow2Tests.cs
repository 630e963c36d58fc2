using System.Buffers.Binary;
using System.Text;
using Safes.Planting;

namespace Safes.Qemu.Tests;

/// <summary>A disk that leads elsewhere, or whose numbers no disk of ours has, is told by its header alone.</summary>
public sealed class Qcow2Tests
{
    private const string Image = "../../images/debian/disk.qcow2";

    [Fact]
    public void What_we_make_passes()
    {
        Assert.Null(Fault(Qcow2Disk.Header()));
        Assert.Null(Fault(Qcow2Disk.Header(Image), Image));
    }

    [Theory]
    [InlineData("/etc/shadow")]
    [InlineData("../other/disk.qcow2")]
    [InlineData("json:{\"driver\":\"nbd\",\"host\":\"10.0.0.1\"}")]
    [InlineData("nbd://10.0.0.1/x")]
    [InlineData(Image + "\0")]
    public void Another_backing_file_is_refused(string backing)
    {
        Assert.NotNull(Fault(Qcow2Disk.Header(backing), Image));
        Assert.NotNull(Fault(Qcow2Disk.Header(backing)));
    }

    [Fact]
    public void An_overlay_without_its_image_and_an_image_with_one_below_are_refused()
    {
        Assert.NotNull(Fault(Qcow2Disk.Header(), Image));
        Assert.NotNull(Fault(Qcow2Disk.Header(Image)));
    }

    [Theory]
    [InlineData(0, 0u)]                     // no qcow2
    [InlineData(4, 2u)]                     // without a place for features
    [InlineData(4, 4u)]
    [InlineData(8, 0xffffffffu)]            // the backing file's name far beyond
    [InlineData(16, 0xffffffffu)]           // and endless
    [InlineData(20, 0u)]                    // clusters
    [InlineData(20, 63u)]
    [InlineData(20, 0x80000000u)]
    [InlineData(24, 0x7fffffffu)]           // huge
    [InlineData(24, 0x80000000u)]           // negative
    [InlineData(28, 1u)]                    // no multiple of a sector
    [InlineData(32, 1u)]                    // encrypted by QEMU
    [InlineData(36, 0xffffffffu)]           // tables
    [InlineData(40, 0xffffffffu)]
    [InlineData(48, 0x7fffffffu)]
    [InlineData(56, 0xffffffffu)]
    [InlineData(60, 1u)]                    // snapshots
    [InlineData(72, 1u)]                    // features we do not know
    [InlineData(76, 4u)]                    // an external data file
    [InlineData(100, 0u)]                   // the header's own length
    [InlineData(100, 0xffffffffu)]
    public void Each_number_that_no_disk_of_ours_has_is_refused(int at, uint number)
    {
        byte[] head = Qcow2Disk.Header();
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(at), number);
        Assert.NotNull(Fault(head));
    }

    [Theory]
    [InlineData(0x44415441u, "/etc/shadow")]      // the data file's name
    [InlineData(0xE2792ACAu, "raw")]              // the backing file read as something else
    [InlineData(0x0537be77u, "1234567890123456")]
    [InlineData(0x12345678u, "")]
    public void An_extension_that_no_disk_of_ours_has_is_refused(uint kind, string content) =>
        Assert.NotNull(Fault(Qcow2Disk.Header(Image, extension: (kind, Encoding.ASCII.GetBytes(content))), Image));

    [Fact]
    public void Another_size_than_the_manifest_says_is_refused()
    {
        Assert.Null(Qcow2.Fault(Qcow2Disk.Header(), 1 << 20, null, Qcow2Disk.Bytes));
        Assert.NotNull(Qcow2.Fault(Qcow2Disk.Header(), 1 << 20, null, Qcow2Disk.Bytes + 512));
    }

    [Fact]
    public void Whatever_bytes_come_it_says_something()
    {
        byte[] head = Qcow2Disk.Header(Image);
        for (int cut = 0; cut < 130; cut++)
        {
            Assert.NotNull(Fault(head[..cut], Image));
        }

        var random = new Random(4711);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] damaged = [.. head];
            damaged[random.Next(120)] = (byte)random.Next(256);
            damaged[random.Next(120)] = (byte)random.Next(256);
            Fault(damaged, Image);
        }
    }

    private static string? Fault(byte[] head, string? backing = null) => Qcow2.Fault(head, 1 << 20, backing, null);
}
