using Safes.Linux;

namespace Safes.Volumes;

/// <summary>Makes a volume's file and file system.</summary>
internal static class VolumeCreation
{
    private const long Reserve = 16 << 20;   // what the place should keep free for the records beside the volume

    internal static async Task<VolumeIdentity> RunAsync(string file, long bytes, TimeSpan limit)
    {
        var identity = new VolumeIdentity(Guid.NewGuid(), bytes);
        await OwnThread.RunAsync(file, "allocate", limit, () => MakeFile(file, bytes)).ConfigureAwait(false);
        try
        {
            // -m 0: no blocks kept back for root, because what writes the disks is not root. No lazy tables, no holes: nothing is left to be
            // written or allocated later.
            await Tool.RunAsync(
                "mkfs.ext4",
                ["-q", "-O", "encrypt", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-L", "safe", "-U", $"{identity.FileSystem}", file],
                limit: limit).ConfigureAwait(false);
            await OwnThread.RunAsync(file, "sync", limit, () =>
            {
                using var made = Fcntl.Open(file, Fcntl.ReadWrite | Fcntl.NoFollow);
                Fcntl.Sync(made, file);
                Fcntl.SyncDirectory(Path.GetDirectoryName(file)!);
                return true;
            }).ConfigureAwait(false);
            return identity;
        }
        catch
        {
            System.IO.File.Delete(file);
            throw;
        }
    }

    private static bool MakeFile(string file, long bytes)
    {
        Privilege.Demand(file);
        string place = Path.GetDirectoryName(file)!;
        StoragePlace.Check(place);
        if (Statfs.Of(place).Available < bytes + Reserve)
        {
            throw new VolumeException(VolumeRefusal.NoRoom, place, $"{bytes} bytes wanted, {Statfs.Of(place).Available} free");
        }

        try
        {
            using var made = Fcntl.Open(file, Fcntl.ReadWrite | Fcntl.Create | Fcntl.Exclusive | Fcntl.NoFollow);
            try
            {
                Fcntl.Allocate(made, 0, bytes, file);
            }
            catch
            {
                System.IO.File.Delete(file);
                throw;
            }

            return true;
        }
        catch (LinuxException e) when (Refusal(e.Number) is { } reason)
        {
            throw new VolumeException(reason, file, e.Message);
        }
    }

    private static VolumeRefusal? Refusal(int number) => number switch
    {
        Errno.Exists => VolumeRefusal.Exists,
        Errno.ReadOnly => VolumeRefusal.ReadOnly,
        Errno.NoSpace => VolumeRefusal.NoRoom,
        _ => null,
    };
}
