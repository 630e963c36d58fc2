using Safes.Linux;

namespace Safes.Qemu;

/// <summary>A machine's RAM file: always allocated in full. A hole in it on a full disk would kill QEMU by SIGBUS.</summary>
public static class GuestRam
{
    /// <summary>A copy of the bundle's RAM. Blocks.</summary>
    public static void Clone(Bundle bundle, HostPlaces places)
    {
        FileCopy.Run(bundle.PathOf(Bundle.Ram), places.Ram, 0x180);
        Allocate(places, bundle.Manifest.MemoryBytes);
    }

    /// <summary>Memory of zeros, as a machine that is switched on has it. Blocks it had stay its own, so that a full volume cannot keep it from booting.</summary>
    public static void Empty(HostPlaces places, long bytes)
    {
        using var fd = Fcntl.Open(places.Ram, Fcntl.ReadWrite | Fcntl.Create | Fcntl.NoFollow);
        Fcntl.ZeroRange(fd, 0, bytes, places.Ram);
        if (Stat.Of(fd).Length > bytes)
        {
            RandomAccess.SetLength(fd, bytes);      // it had more
        }
    }

    private static void Allocate(HostPlaces places, long bytes)
    {
        using var fd = Fcntl.Open(places.Ram, Fcntl.ReadWrite | Fcntl.Create | Fcntl.NoFollow);
        Fcntl.Allocate(fd, 0, bytes, places.Ram);
    }
}
