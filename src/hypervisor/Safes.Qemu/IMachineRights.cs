using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// What of one machine's life needs rights over the whole server: a sandbox for virtiofsd, a look at another user's process, a network device.
/// Whoever runs machines without these rights has somebody else do it, who is told a number and descriptors, no name and no path.
/// </summary>
public interface IMachineRights
{
    /// <summary>True: who asks lives in an empty network namespace already, and so does what it starts.</summary>
    bool HasNoNetwork { get; }

    /// <summary>Starts virtiofsd for the machine; it outlives whoever asked.</summary>
    /// <param name="listener">A listening socket, for QEMU's end.</param>
    /// <exception cref="LinuxException">It does not start.</exception>
    Task<PidFd> ServeShareAsync(MachineStart start, SafeHandle listener);

    /// <summary>Ends what runs of the machine without being recorded, and waits.</summary>
    /// <exception cref="HungException">One cannot be ended.</exception>
    Task EndStraysAsync(HostPlaces places, TimeSpan limit);

    /// <summary>The memory map of its QEMU, /proc/PID/maps, and which pages of it there are, /proc/PID/pagemap.</summary>
    /// <exception cref="LinuxException">It has ended.</exception>
    (SafeFileHandle Maps, SafeFileHandle Pages) OpenPages(int process);

    /// <summary>A network device that leads nowhere, for a machine that is only prepared.</summary>
    Task<SafeFileHandle> OpenLoneTapAsync();
}

/// <summary>Those of root: everything is done here.</summary>
public sealed class RootsRights : IMachineRights
{
    public static RootsRights Instance { get; } = new();

    public bool HasNoNetwork => false;

    public Task<PidFd> ServeShareAsync(MachineStart start, SafeHandle listener) => Task.FromResult(Child.Start(
        VirtiofsdCommand.Start(start.Tools, start.Places.Share, listener, emptyNetwork: null) with
        {
            LogFile = start.Places.VirtiofsdLog,
            WorkingDirectory = start.Places.Run,
        }).PidFd);

    public Task EndStraysAsync(HostPlaces places, TimeSpan limit) => Background.Run(() => StrayProcesses.End(places, limit));

    public (SafeFileHandle Maps, SafeFileHandle Pages) OpenPages(int process) =>
        (Fcntl.Open($"/proc/{process}/maps", Fcntl.ReadOnly), Fcntl.Open($"/proc/{process}/pagemap", Fcntl.ReadOnly));

    public Task<SafeFileHandle> OpenLoneTapAsync() => Task.FromResult(Tun.OpenLoneTap("safes-image"));
}
