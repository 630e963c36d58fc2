using Microsoft.Win32.SafeHandles;

namespace Safes.Qemu;

/// <summary>What starting, loading and adopting a virtual machine need.</summary>
/// <param name="OpenPort">Makes the tap, when it is needed.</param>
/// <param name="EmptyNetwork">The pin of an empty network namespace for QEMU; null: a new one of its own.</param>
public sealed record MachineStart(Tools Tools, HostHardware Hardware, HostPlaces Places, Func<Task<SafeFileHandle>> OpenPort, string? EmptyNetwork)
{
    public Limits Limits { get; init; } = new();
}
