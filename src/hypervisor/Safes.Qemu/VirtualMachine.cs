using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>A running virtual machine: QEMU and its virtiofsd, which outlive the process that started them.</summary>
public sealed class VirtualMachine : IAsyncDisposable
{
    public HostHardware Hardware => throw new NotImplementedException();

    public HostPlaces Places => throw new NotImplementedException();

    public PidFd Qemu => throw new NotImplementedException();

    /// <summary>Null when virtiofsd was gone already when the machine was adopted.</summary>
    public PidFd? Virtiofsd => throw new NotImplementedException();

    /// <summary>Completes when QEMU has ended, for whatever reason; its virtiofsd is ended then too.</summary>
    public Task Ended => throw new NotImplementedException();

    /// <summary>Boots.</summary>
    /// <exception cref="HungException">QEMU does not answer.</exception>
    /// <exception cref="QmpException">QEMU ended; its log says why.</exception>
    public static Task<VirtualMachine> StartAsync(MachineStart start) => throw new NotImplementedException();

    /// <summary>
    /// Loads the state saved for it; the guest stands still until <see cref="ContinueAsync"/>. With <paramref name="bundle"/> the state
    /// is the bundle's, for a clone that was never saved.
    /// </summary>
    /// <exception cref="StateMismatchException">The image does not fit or is damaged; nothing was touched.</exception>
    public static Task<VirtualMachine> LoadAsync(MachineStart start, Bundle? bundle = null) => throw new NotImplementedException();

    /// <summary>Forgets the saved state durably, then lets the guest run.</summary>
    public Task ContinueAsync() => throw new NotImplementedException();

    /// <summary>Takes over a machine that an earlier process started; null when it does not run (any more).</summary>
    public static Task<VirtualMachine?> AdoptAsync(MachineStart start) => throw new NotImplementedException();

    /// <summary>The guest agent, connected and synchronised.</summary>
    public Task<GuestAgent> AgentAsync(TimeSpan limit) => throw new NotImplementedException();

    /// <summary>Allocates the room that saving needs. After each resume or start.</summary>
    public void Reserve() => throw new NotImplementedException();

    /// <summary>Writes dirty guest RAM to the volume while the guest runs on.</summary>
    public Task WriteBackAsync() => throw new NotImplementedException();

    /// <summary>Stops the guest and saves its state into the room allocated; makes RAM, disk and state durable; ends; records it.</summary>
    public Task SuspendAsync(ulong generation) => throw new NotImplementedException();

    /// <summary>Asks the guest to power off, and waits; what is left then is ended.</summary>
    public Task PowerOffAsync(TimeSpan limit) => throw new NotImplementedException();

    /// <summary>Ends both processes at once.</summary>
    public Task KillAsync() => throw new NotImplementedException();

    /// <summary>Lets go of the machine; it runs on.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}

/// <summary>What starting, loading and adopting need.</summary>
/// <param name="EmptyNetwork">The pin of an empty network namespace; null: a new one of its own.</param>
/// <param name="OpenPort">Makes the tap, when it is needed.</param>
public sealed record MachineStart(Tools Tools, HostHardware Hardware, HostPlaces Places, Func<Task<SafeFileHandle>> OpenPort, string? EmptyNetwork)
{
    public Limits Limits { get; init; } = new();
}
