namespace Safes.Qemu;

/// <summary>Where a virtual machine's files lie. Its own process reaches all of them from its working directory, <see cref="Home"/>.</summary>
/// <param name="Home">Its directory on the volume, owned by its user.</param>
/// <param name="Run">A directory of root's for its sockets and the record of its processes; not on the volume.</param>
/// <param name="Share">What virtiofsd serves.</param>
/// <param name="Image">The directory of kernel, initrd and the disk's backing file.</param>
public sealed record HostPlaces(string Home, string Run, string Share, string Image)
{
    public string Disk => Path.Combine(Home, "disk.qcow2");

    public string Ram => Path.Combine(Home, "ram");

    public string State => Path.Combine(Home, "state");

    public string StateRecord => Path.Combine(Home, "state.json");

    /// <summary>See <see cref="Qemu.HotPages"/>.</summary>
    public string HotPages => Path.Combine(Home, "hot");

    public string Console => Path.Combine(Home, "console");

    public string QemuLog => Path.Combine(Home, "qemu.log");

    public string VirtiofsdLog => Path.Combine(Home, "virtiofsd.log");

    public string QmpSocket => Path.Combine(Run, "qmp");

    public string AgentSocket => Path.Combine(Run, "ga");

    public string ProcessRecord => Path.Combine(Run, "process.json");
}
