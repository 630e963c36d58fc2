using Safes.Linux;

namespace Safes.Qemu;

/// <summary>The room of a state and its record, allocated while there is some: a volume that is full by then can still be closed.</summary>
internal static class StateRoom
{
    /// <summary>In bytes. A state of one CPU, a share and few open files is a tenth of it.</summary>
    private const long State = 4 << 20;

    public static void Allocate(HostPlaces places)
    {
        Allocate(places.State, State);
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
