using System.Globalization;

namespace Safes.Qemu;

/// <summary>A virtual machine's hardware: what its memory image depends on, and what tells it from others.</summary>
/// <param name="Name">Stands in the record of a saved state; the guest does not see it.</param>
/// <param name="MemoryBytes">A multiple of 1 MiB.</param>
/// <param name="User">The user that its QEMU runs as.</param>
/// <param name="Uuid">Names the running machine when it is adopted.</param>
public sealed record HostHardware(string Name, int Cpus, long MemoryBytes, string Mac, uint User, Guid Uuid)
{
    /// <summary>Fixed, so that images survive an upgrade of QEMU's default.</summary>
    public const string Machine = "pc-q35-10.0";

    /// <summary>The tag under which guests mount the share.</summary>
    public const string ShareTag = "safe";

    /// <summary>What process lists call it. Who looks at processes once the safe is closed must not have read a host's name.</summary>
    public string Label { get; init; } = Name;

    /// <summary>Added to the kernel's command line.</summary>
    public string Append { get; init; } = "";

    /// <summary>
    /// The devices and settings a saved state fits to, as text: the command line without what may differ from start to start (paths,
    /// descriptors, MAC, uuid, generation id). Two machines with the same text can load each other's states.
    /// </summary>
    public string Shape(string accelerator) => string.Join(' ', Arguments(accelerator, "*", "*", default));

    /// <summary>QEMU's arguments.</summary>
    /// <param name="image">The directory of kernel and initrd, as QEMU reaches it.</param>
    /// <param name="generationId">vmgenid: a fresh one makes the guest reseed.</param>
    /// <param name="slots">The numbers that descriptors have in QEMU; default: none, for <see cref="Shape"/>.</param>
    internal IEnumerable<string> Arguments(string accelerator, string image, string generationId, Slots slots)
    {
        bool shape = slots == default;
        string Fd(int number) => shape ? "*" : number.ToString(CultureInfo.InvariantCulture);
        string mebibytes = (MemoryBytes >> 20).ToString(CultureInfo.InvariantCulture);
        return
        [
            "-machine", $"{Machine},accel={accelerator},memory-backend=mem,dump-guest-core=off",
            "-cpu", accelerator == "kvm" ? "host" : "max",
            "-smp", Cpus.ToString(CultureInfo.InvariantCulture), "-m", $"{mebibytes}M", "-uuid", shape ? "*" : $"{Uuid}",
            "-object", $"memory-backend-file,id=mem,size={mebibytes}M,share=on,mem-path=ram",
            "-rtc", "base=utc,clock=host",
            "-kernel", $"{image}/vmlinuz", "-initrd", $"{image}/initrd.img", "-append", KernelCommandLine(accelerator),
            "-chardev", "file,id=console,path=console,append=on", "-serial", "chardev:console",
            "-chardev", $"socket,id=qmp,fd={Fd(slots.Qmp)},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
            "-chardev", $"socket,id=agent,fd={Fd(slots.Agent)},server=on,wait=off", "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
            "-device", "virtio-rng-pci", "-device", $"vmgenid,guid={generationId}",
            "-drive", "if=none,id=disk0,file=disk.qcow2,format=qcow2,cache=writeback,discard=ignore",
            "-device", "virtio-blk-pci,drive=disk0",
            "-netdev", $"tap,id=net0,fd={Fd(slots.Tap)}", "-device", $"virtio-net-pci,netdev=net0,mac={(shape ? "*" : Mac)},romfile=",
            "-chardev", $"socket,id=share,fd={Fd(slots.Share)}", "-device", $"vhost-user-fs-pci,chardev=share,tag={ShareTag},queue-size=1024",
        ];
    }

    private string KernelCommandLine(string accelerator) =>
        "console=ttyS0 quiet net.ifnames=0 loglevel=3 systemd.show_status=0 random.trust_cpu=on" +
        // Under TCG there is no speculation to mitigate, and the mitigations cost a fifth of the boot.
        (accelerator == "tcg" ? " mitigations=off" : "") + (Append.Length == 0 ? "" : " " + Append);
}

/// <summary>The numbers that the descriptors handed down have in QEMU.</summary>
internal readonly record struct Slots(int Qmp, int Agent, int Tap, int Share);
