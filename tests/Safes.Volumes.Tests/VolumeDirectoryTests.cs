using Safes.Linux;

namespace Safes.Volumes.Tests;

[Trait("needs", "root")]
public class VolumeDirectoryTests
{
    [Fact]
    public async Task Files_are_replaced_whole_listed_renamed_and_removed()
    {
        await using var test = await TestVolume.OpenAsync();
        var host = test.Volume.Root.Below("hosts");
        host.MakeDirectory("desk/deep", 0x1c9);
        host.WriteFile("desk/host.json", "one"u8, 0x1a0);
        host.WriteFile("desk/host.json", "two"u8, 0x1a0);
        host.AppendFile("desk/log", "a"u8);
        host.AppendFile("desk/log", "b"u8);
        Assert.Equal("two"u8.ToArray(), host.ReadFile("desk/host.json"));
        Assert.Equal("ab"u8.ToArray(), host.ReadFile("desk/log"));
        Assert.Equal(0x1a0u, host.Stat("desk/host.json")!.Value.Permissions);
        Assert.Equal([("deep", EntryKind.Directory), ("host.json", EntryKind.File), ("log", EntryKind.File)], host.List("desk").Select(e => (e.Name, e.Kind)));
        host.Rename("desk/log", "desk/deep/log");
        host.SetOwner("desk/deep/log", 64200, 64200);
        Assert.Equal(64200u, host.Stat("desk/deep/log")!.Value.User);
        Assert.True(host.RemoveFile("desk/host.json"));
        Assert.False(host.RemoveFile("desk/host.json"));
        Assert.True(host.RemoveTree("desk"));
        Assert.False(host.RemoveTree("desk"));
        Assert.Empty(host.List());
        Assert.Null(host.ReadFile("desk/host.json"));
        Assert.Empty(host.List("nowhere"));
    }

    [Fact]
    public async Task Links_devices_and_pipes_planted_on_the_volume_are_not_opened()
    {
        await using var test = await TestVolume.OpenAsync();
        var root = test.Volume.Root;
        string outside = Path.Combine(test.Place, "outside");
        File.WriteAllText(outside, "untouched");
        File.CreateSymbolicLink($"{test.Safe}/share/link", outside);
        File.CreateSymbolicLink($"{test.Safe}/share/links", test.Place);
        await Tool.RunAsync("mkfifo", [$"{test.Safe}/share/pipe"]);
        await Tool.RunAsync("mknod", [$"{test.Safe}/share/device", "b", "7", "0"]);
        foreach (string name in (string[])["link", "links", "pipe", "device"])
        {
            Assert.Equal(EntryKind.Other, root.Find($"share/{name}")!.Kind);
            Assert.Equal(VolumeRefusal.NotRegular, Assert.Throws<VolumeException>(() => root.ReadFile($"share/{name}")).Reason);
            Assert.Equal(VolumeRefusal.NotRegular, Assert.Throws<VolumeException>(() => root.AppendFile($"share/{name}", "x"u8)).Reason);
            Assert.Equal(VolumeRefusal.NotRegular, Assert.Throws<VolumeException>(() => root.Allocate($"share/{name}", 4096)).Reason);
        }

        Assert.Equal(VolumeRefusal.NotRegular, Assert.Throws<VolumeException>(() => root.ReadFile("share/links/outside")).Reason);
        root.WriteFile("share/link", "a file now"u8);    // replaces the link, does not follow it
        Assert.Equal("untouched", File.ReadAllText(outside));
        Assert.True(root.RemoveTree("share"));
        Assert.Equal("untouched", File.ReadAllText(outside));
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("share/../../outside")]
    [InlineData("/etc/passwd")]
    [InlineData("")]
    [InlineData("share//x")]
    public async Task Paths_that_lead_elsewhere_are_refused(string path)
    {
        await using var test = await TestVolume.OpenAsync();
        Assert.Throws<ArgumentException>(() => test.Volume.Root.WriteFile(path, "x"u8));
        Assert.Throws<ArgumentException>(() => test.Volume.Root.ReadFile(path));
        Assert.Throws<ArgumentException>(() => test.Volume.Root.Below(path));
    }

    [Fact]
    public async Task A_file_larger_than_allowed_is_refused()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.Root.WriteFile("share/large", new byte[5000]);
        Assert.Equal(VolumeRefusal.TooLarge, Assert.Throws<VolumeException>(() => test.Volume.Root.ReadFile("share/large", 4999)).Reason);
        Assert.Equal(5000, test.Volume.Root.ReadFile("share/large", 5000)!.Length);
    }

    [Fact]
    public async Task Nothing_is_written_to_the_bare_directory_beneath_an_absent_mount()
    {
        await using var test = await TestVolume.OpenAsync();
        await test.LockAsync();
        Directory.CreateDirectory(test.Safe);
        Assert.Equal(VolumeRefusal.NotAttached, Assert.Throws<VolumeException>(() => test.Volume.WriteMarker("in the clear"u8)).Reason);
        using var key = Secrets.SecretBuffer.Random(FscryptVolume.KeyLength);
        Assert.Equal(VolumeRefusal.NotAttached, Assert.Throws<VolumeException>(() => test.Volume.Unlock(key)).Reason);
        Assert.Empty(Directory.GetFileSystemEntries(test.Safe));
        Directory.Delete(test.Safe);
    }

    [Fact]
    public async Task Written_back_pages_are_clean_and_allocated_files_have_their_blocks()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.Root.Allocate("hosts/ram", 8 << 20);
        Assert.True(test.Volume.Root.Stat("hosts/ram")!.Value.AllocatedBytes >= 8 << 20);
        test.Volume.Root.Allocate("hosts/ram", 4096);
        Assert.Equal(8 << 20, test.Volume.Root.Find("hosts/ram")!.Bytes);
        using (var file = test.Volume.Root.OpenFile("hosts/ram", write: true))
        {
            RandomAccess.Write(file, new byte[(8 << 20) - 5], 0);
        }

        await test.Volume.Root.WriteBackAsync("hosts/ram");
        await test.Volume.Root.WriteBackAsync("hosts/ram", threads: 3);
    }
}
