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
        : fault.Code == FaultCodes.NoRoom ? "no room on the volume"
        : fault.Details.TryGetValue("why", out string? why) ? Short(why) : fault.Code.Code;

    private static string Short(string text)
    {
        string line = Printable.Line(text.ReplaceLineEndings(" "));
        line = line[..Math.Min(line.Length, 200)];
        return line.Length < text.Length ? line + ".." : line;
    }
}
