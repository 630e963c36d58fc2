using Microsoft.Win32.SafeHandles;

namespace Safes.Qemu;

/// <summary>What starting, loading and adopting a virtual machine need.</summary>
/// <param name="OpenPort">Makes the tap, when it is needed.</param>
public sealed record MachineStart(Tools Tools, HostHardware Hardware, HostPlaces Places, Func<Task<SafeFileHandle>> OpenPort)
{
    public Limits Limits { get; init; } = new();

    /// <summary>Who does what needs rights over the server.</summary>
    public IMachineRights Rights { get; init; } = RootsRights.Instance;
}
