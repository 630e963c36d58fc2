using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// Among a machine's files is one that was not made here. Its directory belongs to its QEMU's user, and whoever breaks out of the guest can
/// put anything there: links, pipes, a disk that reads another file.
/// </summary>
public sealed class PlantedException(string file, string what) : IOException($"{file} {what}; nothing was started")
{
    /// <summary>Looks at all that QEMU, virtiofsd or we ourselves will open by name. Changes nothing.</summary>
    /// <exception cref="PlantedException">What it is.</exception>
    internal static void Check(HostPlaces places, HostHardware hardware)
    {
        if (Stat.Find(places.Home) is not { IsDirectory: true } home || home.User != hardware.User)
        {
            throw new PlantedException(places.Home, "is not this machine's directory");
        }

        foreach (string file in (string[])[places.Ram, places.Disk, places.State, places.StateRecord, places.HotPages, places.Console, places.QemuLog, places.VirtiofsdLog])
        {
            // A second name would be that of another's file, and we write to it, or give it away.
            if (Stat.Find(file) is { } found && found is not { IsRegular: true, Links: 1 })
            {
                throw new PlantedException(file, "is not a file of this machine's own");
            }
        }

        string image = Path.Combine(places.Image, Bundle.Disk), backing = Path.GetRelativePath(places.Home, image);
        bool alone = backing == Path.GetFileName(places.Disk);      // an image that is being made has a whole disk
        foreach (var (disk, on) in alone ? [(places.Disk, null)] : ((string, string?)[])[(places.Disk, backing), (image, null)])
        {
            if (Qcow2.Fault(disk, on) is { } fault)
            {
                throw new PlantedException(disk, fault);
            }
        }
    }
}
