using Safes.Linux;

namespace Safes.Qemu;

/// <summary>A machine's files, made with all the room they will ever need, and given to its user.</summary>
public static class HostFiles
{
    /// <summary>Files of a clone that goes on from the bundle's state: an overlay over its disk, a copy of its RAM.</summary>
    /// <exception cref="LinuxException">ENOSPC.</exception>
    public static async Task CloneAsync(Tools tools, Bundle bundle, HostHardware hardware, HostPlaces places, long diskBytes)
    {
        MakeHome(hardware, places);
        await Task.WhenAll(
            DiskImage.CreateOverlayAsync(tools, places.Disk, bundle.PathOf(Bundle.Disk), diskBytes),
            Background.Run(() => GuestRam.Clone(bundle, places))).ConfigureAwait(false);
        Give(hardware, places);
    }

    /// <summary>Memory of zeros, for a boot; the room stays allocated. What was saved with the memory it had is void before that is touched.</summary>
    /// <exception cref="LinuxException">ENOSPC.</exception>
    /// <exception cref="PlantedException">Nothing was written.</exception>
    public static void ClearRam(HostHardware hardware, HostPlaces places)
    {
        PlantedException.Check(places, hardware);
        VirtualMachine.Forget(places);
        File.Delete(places.HotPages);       // of memory that is no more
        GuestRam.Empty(places, hardware.MemoryBytes);
        Directory.CreateDirectory(places.Run, (UnixFileMode)0x1c0);
        Give(hardware, places);
    }

    private static void MakeHome(HostHardware hardware, HostPlaces places)
    {
        Directory.CreateDirectory(places.Home, (UnixFileMode)0x1c0);
        Unistd.Chown(places.Home, hardware.User, hardware.User);
        Directory.CreateDirectory(places.Run, (UnixFileMode)0x1c0);
    }

    private static void Give(HostHardware hardware, HostPlaces places)
    {
        foreach (string file in (string[])[places.Ram, places.Disk])
        {
            Unistd.Chown(file, hardware.User, hardware.User);
            File.SetUnixFileMode(file, (UnixFileMode)0x180);
        }
    }
}
