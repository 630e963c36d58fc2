using Safes.Linux;
using Safes.Tests;

namespace Safes.Volumes.Tests;

/// <summary>
/// A disk with a file system, made by device mapper, that does as it is told: works, fails what is written and flushed, all the time or every
/// other second, or does not answer. The kernel's own targets (Documentation/admin-guide/device-mapper/dm-flakey.rst), as block devices fail.
/// </summary>
internal sealed class FlakyDisk : IAsyncDisposable
{
    private const long Bytes = 256L << 20;

    private readonly string name = $"safes-test-{Guid.NewGuid():n}";
    private string loop = "";

    private FlakyDisk(string mountPoint) => MountPoint = mountPoint;

    public string MountPoint { get; }

    private string Device => $"/dev/mapper/{name}";

    /// <summary>In a machine of its own only: one that is left silent hangs everybody who syncs.</summary>
    public static async Task<FlakyDisk> MakeAsync(string place)
    {
        OwnMachine.Need();
        var disk = new FlakyDisk(Directory.CreateDirectory(Path.Combine(place, "disk")).FullName);
        string image = Path.Combine(place, "image");
        await using (var file = File.Create(image))
        {
            file.SetLength(Bytes);
        }

        disk.loop = (await Tool.RunAsync("losetup", ["--find", "--show", image])).Trim();
        await Tool.RunAsync("dmsetup", ["create", "--noudevsync", disk.name, "--table", disk.Table("linear", "")]);
        await Tool.RunAsync("dmsetup", ["mknodes", disk.name]);
        await Tool.RunAsync("mkfs.ext4", ["-q", "-e", "remount-ro", disk.Device]);
        await Tool.RunAsync("mount", [disk.Device, disk.MountPoint]);
        return disk;
    }

    public Task WorkAsync() => BecomeAsync(Table("linear", ""));

    public Task FailWritesAsync() => BecomeAsync(Table("flakey", " 0 1 1 error_writes"));

    /// <summary>A second like this, a second like that.</summary>
    public Task FailNowAndThenAsync() => BecomeAsync(Table("flakey", " 1 1 1 error_writes"));

    /// <summary>Whoever asks waits, as when a cable is out: nothing is flushed or frozen before.</summary>
    public Task FallSilentAsync() => Tool.RunAsync("dmsetup", ["suspend", "--noflush", "--nolockfs", name]);

    public Task AnswerAgainAsync() => Tool.RunAsync("dmsetup", ["resume", "--noudevsync", name]);

    /// <summary>As an administrator does after errors: unmounted, on a disk that works, checked, mounted.</summary>
    public async Task RepairAsync()
    {
        await Tool.RunAsync("umount", [MountPoint]);
        await WorkAsync();
        var check = await Tool.TryAsync("e2fsck", ["-p", Device]);
        Assert.True(check.Exit <= 1, check.Output + check.Error);
        await Tool.RunAsync("mount", [Device, MountPoint]);
    }

    public async ValueTask DisposeAsync()
    {
        await WorkAsync();
        await Tool.RunAsync("umount", [MountPoint]);
        await Tool.RunAsync("dmsetup", ["remove", "--noudevsync", name]);
        await Tool.RunAsync("losetup", ["--detach", loop]);
    }

    private string Table(string target, string behaviour) => $"0 {Bytes / 512} {target} {loop} 0{behaviour}";

    private async Task BecomeAsync(string table)
    {
        await FallSilentAsync();
        await Tool.RunAsync("dmsetup", ["load", name, "--table", table]);
        await AnswerAgainAsync();
    }
}
