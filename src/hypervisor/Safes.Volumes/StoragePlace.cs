using Safes.Linux;

namespace Safes.Volumes;

/// <summary>
/// Where a volume file lies. fscrypt keeps a secret from whoever reads the storage, not from whoever writes it, so only storage that this
/// server alone writes will do: known local file systems on local devices. What is not known is refused.
/// </summary>
internal static class StoragePlace
{
    // ext2/3/4, XFS, btrfs, F2FS, ZFS, bcachefs, tmpfs, overlayfs (linux/magic.h)
    private static readonly HashSet<long> Local = [0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0xca451a4e, 0x01021994, 0x794c7630];

    private static readonly string[] SharedNames = ["nbd", "rbd", "drbd", "etherd"];

    // iSCSI sessions, Fibre Channel ports, NVMe over fabrics, in the path of a device below /sys/devices
    private static readonly string[] SharedPaths = ["/session", "/rport-", "/nvme-fabrics/"];

    /// <exception cref="VolumeException">SharedStorage.</exception>
    internal static void Check(string directory)
    {
        var status = Statfs.Of(directory);
        if (!IsLocalFileSystem(status.Type))
        {
            throw new VolumeException(VolumeRefusal.SharedStorage, directory, $"file system type 0x{status.Type:x}");
        }

        ulong mount = Stat.Find(directory, follow: true)?.MountId ?? 0;
        if (MountTable.Own().LastOrDefault(m => m.Id == mount) is { } line && FindSharedDevice(line) is { } device)
        {
            throw new VolumeException(VolumeRefusal.SharedStorage, directory, device);
        }
    }

    internal static bool IsLocalFileSystem(long magic) => Local.Contains(magic);

    /// <summary>Whether a block device, by its resolved path in /sys, is one that others may write.</summary>
    internal static bool IsShared(string devicePath)
    {
        string name = Path.GetFileName(devicePath);
        return SharedNames.Any(n => name.StartsWith(n, StringComparison.Ordinal)) || SharedPaths.Any(p => devicePath.Contains(p, StringComparison.Ordinal));
    }

    private static string? FindSharedDevice(MountLine mount)
    {
        // btrfs has no device number of its own; its source names one of its devices.
        string block = mount.Device.Major != 0 ? $"/sys/dev/block/{mount.Device}" : $"/sys/class/block/{Path.GetFileName(Resolve(mount.Source))}";
        return mount.Source.StartsWith('/') || mount.Device.Major != 0 ? FindSharedDevice(Resolve(block)) : null;
    }

    private static string? FindSharedDevice(string device)
    {
        if (IsShared(device))
        {
            return Path.GetFileName(device);
        }

        if (System.IO.File.Exists(device + "/partition"))
        {
            return FindSharedDevice(Path.GetDirectoryName(device)!);
        }

        if (System.IO.File.Exists(device + "/loop/backing_file"))
        {
            string backing = System.IO.File.ReadAllText(device + "/loop/backing_file").Trim();
            if (Path.GetDirectoryName(backing) is { } directory && Directory.Exists(directory))
            {
                Check(directory);
            }
        }

        return Directory.Exists(device + "/slaves")
            ? Directory.EnumerateDirectories(device + "/slaves").Select(s => FindSharedDevice(Resolve(s))).FirstOrDefault(found => found is not null)
            : null;
    }

    private static string Resolve(string path)
    {
        try
        {
            return new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }
}
