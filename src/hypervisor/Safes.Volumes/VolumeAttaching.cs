using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>Puts a loop device on a volume's file and mounts it. Writes nothing; what ext4 writes at a mount is its own.</summary>
internal static class VolumeAttaching
{
    // With the loop device's own 2560 KiB one cold page of a guest's RAM file costs the decryption of megabytes.
    private const int ReadAheadKib = 16;

    internal static bool Run(string file, string mountPoint, VolumeIdentity expected, CancellationToken abandoned)
    {
        Privilege.Demand(file);
        if (Stat.Find(file) is null)
        {
            throw new VolumeException(VolumeRefusal.Missing, file);
        }

        StoragePlace.Check(Path.GetDirectoryName(file)!);
        using var volume = OpenFile(file);
        CheckContent(volume, file, expected);
        // Whoever attaches holds the lock from the look to the deed, so two never both find the file free.
        if (!SysFile.TryLock(volume, file) || VolumeLoops.Of(file, mountPoint).Any)
        {
            throw new VolumeException(VolumeRefusal.InUse, file);
        }

        Directory.CreateDirectory(mountPoint, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute
            | UnixFileMode.OtherExecute);
        if (MountTable.Own().Any(m => m.Path == mountPoint))
        {
            throw new VolumeException(VolumeRefusal.InUse, mountPoint);
        }

        var (number, device) = Loop.Attach(volume, ReadAheadKib);
        using (device)
        {
            // Not kept longer, though the loop device keeps the file open: .NET wants a lock for each file that it reads.
            SysFile.Unlock(volume, file);
            Mount.Attach(
                Loop.PathOf(number), mountPoint, "ext4",
                Mount.NoSetuid | Mount.NoDevices | Mount.NoExec | Mount.NoSymbolicFollow | Mount.NoAccessTime, "errors=remount-ro");
            // A copy of this mount in a namespace made later would keep the volume.
            Mount.Attach("none", mountPoint, null, Mount.Private);
        }

        if (abandoned.IsCancellationRequested)
        {
            Mount.Detach(mountPoint);   // who asked was told that the storage does not answer
        }

        return true;
    }

    private static SafeFileHandle OpenFile(string file)
    {
        try
        {
            return Fcntl.Open(file, Fcntl.ReadWrite | Fcntl.NoFollow | Fcntl.NonBlock);
        }
        catch (LinuxException e) when (e.Number is Errno.ReadOnly or Errno.NotPermitted or Errno.Access or Errno.NoDeviceOrAddress or Errno.IsDirectory
            or Errno.TooManyLinks)
        {
            bool readOnly = e.Number is Errno.ReadOnly or Errno.NotPermitted or Errno.Access;
            throw new VolumeException(readOnly ? VolumeRefusal.ReadOnly : VolumeRefusal.Foreign, file, e.Message);
        }
    }

    private static void CheckContent(SafeFileHandle volume, string file, VolumeIdentity expected)
    {
        var status = Stat.Of(volume);
        if (!status.IsRegular)
        {
            throw new VolumeException(VolumeRefusal.Foreign, file, "not a regular file");
        }

        if (status.Length < expected.Bytes)
        {
            throw new VolumeException(VolumeRefusal.Truncated, file, $"{status.Length} of {expected.Bytes} bytes");
        }

        var system = Ext4Superblock.Read(volume);
        if (system is null || !system.HasEncryption || system.FileSystem != expected.FileSystem)
        {
            throw new VolumeException(VolumeRefusal.Foreign, file, system is null ? "no ext4" : $"file system {system.FileSystem}");
        }

        if (system.Bytes > status.Length)
        {
            throw new VolumeException(VolumeRefusal.Truncated, file, $"{status.Length} of {system.Bytes} bytes");
        }
    }
}
