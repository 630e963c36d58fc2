using System.Text;
using Safes.Linux;

namespace Safes.Volumes.Tests;

[Trait("needs", "root")]
public class SecrecyTests
{
    [Fact]
    public async Task The_backing_file_holds_no_content_and_no_name_open_or_closed()
    {
        await using var test = await TestVolume.OpenAsync();
        string content = $"content-{Guid.NewGuid():N}", name = $"name-{Guid.NewGuid():N}";
        Plant(test.Safe + "/share", name, content);
        await Tool.RunAsync("sync", ["--file-system", test.Volume.MountPoint]);
        Assert.Equal(content, File.ReadAllText($"{test.Safe}/share/{name}/{name}")[..content.Length]);
        Assert.Equal((false, false), (Holds(test.Volume.File, content), Holds(test.Volume.File, name)));
        await test.LockAsync();
        Assert.Equal((false, false), (Holds(test.Volume.File, content), Holds(test.Volume.File, name)));
        Assert.False(Directory.Exists(test.Safe));

        // The control: the same scan finds both in an unencrypted twin.
        string twin = Path.Combine(test.Place, "twin"), mounted = Path.Combine(test.Place, "twin.mnt");
        Directory.CreateDirectory(mounted);
        await Tool.RunAsync("truncate", ["-s", $"{TestVolume.Size}", twin]);
        await Tool.RunAsync("mkfs.ext4", ["-q", twin]);
        await Tool.RunAsync("mount", ["-o", "loop", twin, mounted]);
        Plant(mounted, name, content);
        await Tool.RunAsync("umount", [mounted]);
        Assert.Equal((true, true), (Holds(twin, content), Holds(twin, name)));
    }

    [Fact]
    public async Task After_locking_no_key_is_listed_and_the_names_are_ciphered()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.Root.WriteFile("share/plan", "the plan"u8);
        Assert.Contains(test.Key.ToString(), File.ReadAllText("/proc/keys"), StringComparison.Ordinal);
        await test.LockAsync();
        Assert.DoesNotContain(test.Key.ToString(), File.ReadAllText("/proc/keys"), StringComparison.Ordinal);
        await test.Volume.AttachAsync(test.Identity);
        Assert.DoesNotContain("share", test.Volume.Root.List().Select(e => e.Name));
        Assert.NotEmpty(test.Volume.Root.List());
        Assert.Null(test.Volume.ReadMarker());
        Assert.ThrowsAny<IOException>(() => test.Volume.WriteMarker("without a key"u8));
    }

    [Theory]
    [InlineData("directory")]
    [InlineData("link")]
    [InlineData("device")]
    [InlineData("nothing")]
    [InlineData("another policy")]
    public async Task Anything_else_in_place_of_the_encrypted_directory_is_refused_and_stays_as_it_is(string planted)
    {
        await using var test = await TestVolume.OpenAsync();
        await test.LockAsync();
        string elsewhere = Path.Combine(test.Place, "elsewhere");
        Directory.CreateDirectory(elsewhere);
        await test.Volume.AttachAsync(test.Identity);
        Directory.Move(test.Safe, test.Safe + ".away");
        await PlantAsync(test, planted, elsewhere);
        string before = await ListingAsync(test);
        await test.LockAsync();

        await test.Volume.AttachAsync(test.Identity);
        test.Volume.Unlock(test.Secret, test.Key);
        var refused = Assert.Throws<VolumeException>(() => test.Volume.CheckPolicy(test.Key));
        Assert.Equal(VolumeRefusal.PolicyWrong, refused.Reason);
        Assert.Equal(before, await ListingAsync(test));
        Assert.Empty(Directory.GetFileSystemEntries(elsewhere));
        if (planted is "link" or "device")
        {
            Assert.Throws<VolumeException>(() => test.Volume.WriteMarker("here?"u8));
        }

        Assert.Empty(Directory.GetFileSystemEntries(elsewhere));
    }

    /// <summary>Whoever has the storage and not the key can write an inode anew: what it is, and that it is encrypted.</summary>
    [Theory]
    [InlineData("hosts", "flags 0x80000")]      // a plain directory
    [InlineData("share", "flags 0x80000")]
    [InlineData("ssh", "mode 0060600")]         // a block device
    [InlineData("sessions", "mode 0010600")]    // a pipe
    [InlineData("hosts", "mode 0120777")]       // a link
    [InlineData("images", "mode 0104755")]      // a setuid file
    public async Task A_directory_of_the_layout_made_something_else_offline_is_refused_and_stays_as_it_is(string directory, string made)
    {
        await using var test = await TestVolume.OpenAsync();
        ulong inode = Stat.Find($"{test.Safe}/{directory}")!.Value.Inode;
        await test.LockAsync();
        await Tool.RunAsync("debugfs", ["-w", "-R", $"set_inode_field <{inode}> {made}", test.Volume.File]);
        string before = await InodeAsync(test, inode);

        await test.Volume.AttachAsync(test.Identity);
        test.Volume.Unlock(test.Secret, test.Key);
        var refused = Assert.Throws<VolumeException>(() => test.Volume.CheckPolicy(test.Key));
        Assert.Equal((VolumeRefusal.PolicyWrong, directory), (refused.Reason, Path.GetFileName(refused.Target)));
        Assert.ThrowsAny<IOException>(() => test.Volume.Root.WriteFile($"{directory}/plain", "in the clear"u8));
        await test.LockAsync();
        Assert.Equal(before, await InodeAsync(test, inode));
    }

    private static Task<string> InodeAsync(TestVolume test, ulong inode) => Tool.RunAsync("debugfs", ["-R", $"stat <{inode}>", test.Volume.File]);

    private static Task PlantAsync(TestVolume test, string planted, string elsewhere) => planted switch
    {
        "directory" => Tool.RunAsync("mkdir", [test.Safe]),
        "link" => Tool.RunAsync("ln", ["-s", elsewhere, test.Safe]),
        "device" => Tool.RunAsync("mknod", [test.Safe, "c", "1", "3"]),
        "another policy" => PlantPolicyAsync(test),
        _ => Task.CompletedTask,
    };

    private static async Task PlantPolicyAsync(TestVolume test)
    {
        using var other = Secrets.SecretBuffer.Random(FscryptVolume.KeyLength);
        var key = test.Volume.Unlock(other);
        test.Volume.InitialiseLayout(key);
        await Task.CompletedTask;
    }

    private static async Task<string> ListingAsync(TestVolume test) =>
        (await Tool.TryAsync("ls", ["-lan", "--time-style=full-iso", test.Volume.MountPoint])).Output
        + (await Tool.TryAsync("ls", ["-A", "-1", "-d", test.Safe])).Output;

    private static void Plant(string directory, string name, string content)
    {
        Directory.CreateDirectory($"{directory}/{name}");
        File.WriteAllText($"{directory}/{name}/{name}", string.Concat(Enumerable.Repeat(content, 200)));
    }

    private static bool Holds(string file, string text)
    {
        return File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.ASCII.GetBytes(text)) >= 0;
    }
}
