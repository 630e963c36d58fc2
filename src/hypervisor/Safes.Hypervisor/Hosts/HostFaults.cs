using Safes.Contracts;
using Safes.Linux;
using Safes.Qemu;
using Safes.Volumes;

namespace Safes.Hypervisor.Hosts;

/// <summary>The one place where failures of virtual machines become codes that members see.</summary>
internal static class HostFaults
{
    public static FaultException From(Exception e, string host) => e switch
    {
        FaultException f => f,
        StateMismatchException { Problem: StateProblem.Mismatch } m =>
            new(FaultCodes.ImageMismatch, ("host", host), ("what", m.What), ("saved", m.Saved), ("here", m.Here)),
        StateMismatchException m => new(FaultCodes.ImageDamaged, ("host", host), ("what", m.What)),
        HungException h => new(
            FaultCodes.HostFailed, ("host", host), ("why", h.Message), ("program", h.Program), ("pid", $"{h.Pid}"), ("step", h.Step)),
        LinuxException { Number: Errno.NoSpace } => new(FaultCodes.NoRoom, ("host", host)),
        VolumeException { Reason: VolumeRefusal.NoRoom } => new(FaultCodes.NoRoom, ("host", host)),
        _ => Failed(host, e.Message),
    };

    /// <param name="why">May be a guest's words: it comes through in one line, printable, of bounded length.</param>
    public static FaultException Failed(string host, string why) => new(FaultCodes.HostFailed, ("host", host), ("why", Short(why)));

    /// <summary>What goes into a host's note: one line, printable.</summary>
    public static string Note(FaultException fault) => fault.Code == FaultCodes.ImageMismatch
        ? $"suspended under {fault.Details["what"]} '{Short(fault.Details["saved"])}', here is '{Short(fault.Details["here"])}'; its memory is kept"
        : fault.Code == FaultCodes.ImageDamaged ? $"its memory image is damaged ({fault.Details["what"]})"
        : fault.Code == FaultCodes.HostDisk && Amounts(fault, "room") is var (disk, free) ? $"room: {disk} are needed on the volume, {free} are free; members can remove files or hosts, the supplier can make the volume larger"
        : fault.Code == FaultCodes.HostMemory && Amounts(fault, "memory") is var (memory, left) ? $"memory: {memory} are needed, {left} are left on the server; members can stop or resize hosts, the supplier can add memory"
        : fault.Code == FaultCodes.HostMemory && Amounts(fault, "bound") is var (more, savable) ? $"memory: {more} are needed, {savable} can be saved besides the other hosts' before the safe has to be closed; members can stop or resize hosts, the supplier can give it faster storage"
        : fault.Code == FaultCodes.NoRoom ? "no room on the volume"
        : fault.Details.TryGetValue("why", out string? why) ? Short(why) : fault.Code.Code;

    private static (string Needed, string There)? Amounts(FaultException fault, string why) =>
        fault.Details.GetValueOrDefault("why") == why && long.TryParse(fault.Details.GetValueOrDefault("wanted"), out long wanted) && long.TryParse(fault.Details.GetValueOrDefault("available"), out long available)
            ? ($"{(wanted + (1 << 20) - 1) >> 20} MiB", $"{available >> 20} MiB")
            : null;

    private static string Short(string text)
    {
        string line = Printable.Line(text.ReplaceLineEndings(" "));
        line = line[..Math.Min(line.Length, 200)];
        return line.Length < text.Length ? line + ".." : line;
    }
}
