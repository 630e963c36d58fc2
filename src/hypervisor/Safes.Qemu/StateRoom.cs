using Safes.Linux;

namespace Safes.Qemu;

/// <summary>The room of a state and its record, allocated while there is some: a volume that is full by then can still be closed.</summary>
internal static class StateRoom
{
    /// <summary>In bytes. A state of one CPU, a share and few open files is a tenth of it.</summary>
    private const long State = 4 << 20;

    /// <summary>
    /// virtiofsd writes each inode that it knows: number, count and file handle, up to 160 bytes (PassthroughFsV1 of 1.13). In memory each
    /// takes some 750 bytes, so its memory says how much that can become; it never gives any back.
    /// </summary>
    private const int MemoryToState = 4;

    /// <summary>What the state of a machine needs whose share daemon holds so much memory of its own. In bytes.</summary>
    public static long Needed(long shareMemory) => State + (shareMemory / MemoryToState);

    /// <summary>Makes the room; what is there already is only made larger.</summary>
    /// <param name="shareMemory">Of virtiofsd, in bytes.</param>
    /// <exception cref="LinuxException">ENOSPC.</exception>
    public static void Allocate(HostPlaces places, long shareMemory)
    {
        Allocate(places.State, Needed(shareMemory));
        Allocate(places.StateRecord, StateRecord.Room);
        Fcntl.SyncDirectory(places.Home);
    }

    private static void Allocate(string file, long bytes)
    {
        using var fd = Fcntl.Open(file, Fcntl.ReadWrite | Fcntl.Create | Fcntl.NoFollow);
        Fcntl.Allocate(fd, 0, bytes, file);
        Fcntl.Sync(fd, file);
    }
}
