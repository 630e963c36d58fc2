using Safes.Linux;

namespace Safes.Volumes;

/// <summary>The loop devices on a volume's file, whoever made them: by device and inode, or by name when the file was removed under them.</summary>
internal sealed record VolumeLoops(IReadOnlyDictionary<int, LoopBacking> Devices)
{
    internal bool Any => Devices.Count > 0;

    internal static VolumeLoops Of(string file)
    {
        LoopBacking? backing = Stat.Find(file) is { } status ? new LoopBacking(status.Device, status.Inode) : null;
        var devices = new Dictionary<int, LoopBacking>();
        foreach (int number in Loop.InUse())
        {
            string name = NameOf(number);
            try
            {
                if (Loop.Find(number) is { } found && (found == backing || name == file + " (deleted)"))
                {
                    devices.Add(number, found);
                }
            }
            catch (LinuxException) when (name != file)
            {
                // Somebody else's storage has gone: the kernel cannot say what is behind that device. It must not keep ours open.
            }
        }

        return new VolumeLoops(devices);
    }

    internal bool Has(DeviceNumber device) => device.Major == Loop.Major && Devices.ContainsKey((int)device.Minor);

    /// <summary>Detaches those that are still on the file; one in use goes with its last user.</summary>
    internal void Detach()
    {
        foreach (var (number, backing) in Devices)
        {
            Loop.Detach(number, backing);
        }
    }

    private static string NameOf(int number)
    {
        try
        {
            return System.IO.File.ReadAllText($"/sys/block/loop{number}/loop/backing_file").TrimEnd('\n');
        }
        catch (IOException)
        {
            return "";
        }
    }
}
