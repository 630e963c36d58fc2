using System.Buffers.Binary;
using Safes.Linux;

namespace Safes.Volumes.Tests;

public class ReadingTests
{
    [Fact]
    public void Mountinfo_is_read_with_optional_fields_and_escapes()
    {
        var mounts = MountTable.Parse(
        [
            @"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:3 - ext3 /dev/ro\134ot rw,errors=continue",
            "40 36 0:25 / / rw - tmpfs tmpfs rw",
            "garbage",
        ]);
        Assert.Equal(new MountLine(36, new DeviceNumber(98, 0), "/mnt1", "/mnt 2", "ext3", @"/dev/ro\ot"), mounts[0]);
        Assert.Equal(2, mounts.Count);
    }

    [Theory]
    [InlineData(0xef53, true)]       // ext4
    [InlineData(0x58465342, true)]   // XFS
    [InlineData(0x6969, false)]      // NFS
    [InlineData(0xff534d42, false)]  // CIFS
    [InlineData(0xfe534d42, false)]  // SMB2
    [InlineData(0x65735546, false)]  // FUSE
    [InlineData(0x01021997, false)]  // 9P
    [InlineData(0x00c36400, false)]  // Ceph
    [InlineData(0x9fa0, false)]      // proc
    public void Only_known_local_file_systems_will_do(long magic, bool local) => Assert.Equal(local, StoragePlace.IsLocalFileSystem(magic));

    [Theory]
    [InlineData("/sys/devices/virtual/block/nbd0", true)]
    [InlineData("/sys/devices/rbd/0/block/rbd0", true)]
    [InlineData("/sys/devices/virtual/block/drbd1", true)]
    [InlineData("/sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb", true)]
    [InlineData("/sys/devices/virtual/nvme-fabrics/ctl/nvme1/nvme1n1", true)]
    [InlineData("/sys/devices/pci0000:00/0000:00:02.0/host1/rport-1:0-2/target1:0:2/1:0:2:0/block/sdc", true)]
    [InlineData("/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda", false)]
    [InlineData("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1", false)]
    [InlineData("/sys/devices/virtual/block/dm-0", false)]
    public void Block_devices_that_others_can_write_are_known_by_their_place(string path, bool shared) => Assert.Equal(shared, StoragePlace.IsShared(path));

    [Fact]
    public void A_superblock_tells_its_file_system_size_and_encryption()
    {
        byte[] s = new byte[1024];
        var id = Guid.NewGuid();
        BinaryPrimitives.WriteUInt32LittleEndian(s.AsSpan(0x4), 16384);
        BinaryPrimitives.WriteUInt32LittleEndian(s.AsSpan(0x18), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(s.AsSpan(0x38), 0xef53);
        BinaryPrimitives.WriteUInt32LittleEndian(s.AsSpan(0x60), 0x10000);
        id.TryWriteBytes(s.AsSpan(0x68), bigEndian: true, out _);
        Assert.Equal(new Ext4Superblock(id, 64 << 20, true), Ext4Superblock.Parse(s));
        BinaryPrimitives.WriteUInt32LittleEndian(s.AsSpan(0x18), 77);
        Assert.Null(Ext4Superblock.Parse(s));
        Assert.Null(Ext4Superblock.Parse(new byte[1024]));
    }

    [Fact]
    public async Task A_volume_beneath_proc_is_refused_as_storage_that_is_not_ours_alone()
    {
        TestVolume.NeedRoot();
        var refused = await Assert.ThrowsAsync<VolumeException>(() => new FscryptVolume("/proc/volume", "/nowhere").CreateAsync(8 << 20));
        Assert.Equal(VolumeRefusal.SharedStorage, refused.Reason);
    }

    [Fact]
    public void A_key_identifier_prints_as_the_kernel_does()
    {
        byte[] bytes = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];
        var key = new KeyIdentifier(bytes);
        Assert.Equal("000102030405060708090a0b0c0d0e0f", key.ToString());
        Assert.Equal(bytes, key.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => new KeyIdentifier(new byte[15]));
    }
}
