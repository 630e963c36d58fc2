using Safes.Linux;

namespace Safes.Volumes;

/// <summary>
/// A volume's loop devices, whoever made them: those on its file, by device and inode, or by name where it was removed under them or its
/// storage cannot say; and whatever is mounted where the volume belongs, though its file was renamed or its storage unmounted meanwhile.
/// </summary>
internal sealed record VolumeLoops(IReadOnlyDictionary<int, LoopBacking> Devices)
{
    internal bool Any => Devices.Count > 0;

    internal static VolumeLoops Of(string file, string mountPoint) => Of(file, mountPoint, MountTable.Own());

    internal static VolumeLoops Of(string file, string mountPoint, IEnumerable<MountLine> mounts)
    {
        var mounted = mounts.Where(m => m.Path == mountPoint && m.Device.Major == Loop.Major).Select(m => (int)m.Device.Minor).ToHashSet();
        var backing = BackingOf(file);
        var devices = new Dictionary<int, LoopBacking>();
        foreach (int number in Loop.InUse())
        {
            string name = NameOf(number);
            var found = Find(number);
            bool named = name == file + " (deleted)" || (name == file && (backing is null || found == default(LoopBacking)));
            if (mounted.Contains(number) || (found is not null && (found == backing || named)))
            {
                devices.Add(number, found ?? default);
            }
        }

        return new VolumeLoops(devices);
    }

    /// <summary>
    /// What is behind a loop device, null when nothing is; the default, which is no file's, when its storage has gone and the kernel cannot say.
    /// Somebody else's must not keep ours open.
    /// </summary>
    internal static LoopBacking? Find(int number)
    {
        try
        {
            return Loop.Find(number);
        }
        catch (LinuxException)
        {
            return default(LoopBacking);
        }
    }

    /// <summary>Those of them that are still there, though no longer to be found by mount or file, and what is found now.</summary>
    internal VolumeLoops Left(string file, string mountPoint) =>
        new(Devices.Where(d => Loop.IsInUse(d.Key) && Find(d.Key) == d.Value).UnionBy(Of(file, mountPoint).Devices, d => d.Key).ToDictionary());

    internal bool Has(DeviceNumber device) => device.Major == Loop.Major && Devices.ContainsKey((int)device.Minor);

    /// <summary>Detaches those that are still on the file; one in use goes with its last user.</summary>
    internal void Detach()
    {
        foreach (var (number, backing) in Devices)
        {
            try
            {
                Loop.Detach(number, backing);
            }
            catch (LinuxException)
            {
                // Its storage has gone; whether the device is still there is looked at afterwards.
            }
        }
    }

    private static LoopBacking? BackingOf(string file)
    {
        try
        {
            return Stat.Find(file) is { } status ? new LoopBacking(status.Device, status.Inode) : null;
        }
        catch (LinuxException)
        {
            return null;    // its storage has gone; what is mounted or named after it is ours all the same
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
