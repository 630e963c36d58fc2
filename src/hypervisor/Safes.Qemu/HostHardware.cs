namespace Safes.Qemu;

/// <summary>A virtual machine's hardware: what its memory image depends on, and what tells it from others.</summary>
/// <param name="Name">For process lists only; the guest does not see it.</param>
/// <param name="MemoryBytes">A multiple of 1 MiB.</param>
public sealed record HostHardware(string Name, int Cpus, long MemoryBytes, string Mac, uint User, Guid Uuid)
{
    public const string Machine = "pc-q35-10.0";

    /// <summary>The tag under which guests mount the share.</summary>
    public const string ShareTag = "safe";

    /// <summary>False: a root disk comes as virtio-blk. True: none, the initrd is all there is.</summary>
    public bool Diskless { get; init; }

    /// <summary>Added to the kernel's command line.</summary>
    public string ExtraAppend { get; init; } = "";
}
