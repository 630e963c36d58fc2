using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for virtual hosts.</summary>
internal static class HostWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (HostExists, f => new($"there is a host {Name(f, "of that name")} already", Nothing, "safe host list")),
        (HostUnknown, f => new($"there is no host {Name(f, "of that name")}", Nothing, "safe host list")),
        (HostName, f => new($"{Name(f, "that")} cannot be a host's name{f.Tail("why")}", Nothing, f.Has("why") ? "take another one" : "1 to 31 of a-z, 0-9 and -, a letter first, no - at the end")),
        (HostMemory, f => f.Bytes("wanted") % (1 << 20) != 0 ? new($"{f["wanted"]} bytes cannot be the size of a memory", Nothing, "whole MiB, such as 512M or 2G")
            : f.Bytes("least") is var least && f.Bytes("wanted") < least
            ? new($"{Size(f, "wanted")} is too little memory for {Name(f)}", Nothing, $"--memory with {Size(f, "least")} at least")
            : new(
                $"{(f.Has("wanted") ? Size(f, "wanted") : "that")} is more memory than {f.Safe} can give and still close in time"
                + (f["why"] switch
                {
                    "bound" => $": {Size(f, "available")} is left of what its storage takes within the {f["bound"]} s for closing",
                    "memory" => $": the server has {Size(f, "available")} left",
                    _ => f.Tail("why", "detail", "most"),
                }), Nothing, "--memory with less")),
        (HostDisk, f => f["why"] == "size" && f.Bytes("wanted") < f.Bytes("least")
            ? new($"{Size(f, "wanted")} is too little for the disk of {Name(f)}, which has {Size(f, "least")}: a disk only grows", Nothing, $"--disk with {Size(f, "least")} at least")
            : f["why"] == "size" ? new($"{Size(f, "wanted")} cannot be the size of a disk", Nothing, "whole MiB, 1T at most")
            : new(
                "that is more disk than the volume has left" + (f["why"] == "room" ? $": {Size(f, "wanted")} more is needed, {Size(f, "available")} is free" : f.Tail("why", "detail", "most")),
                Nothing, "--disk or --memory with less, or less of what fills the volume: safe status")),
        (ImageMissing, f => new($"there is no image {f.Or("image", "of that name")} here", Nothing, "the supplier makes one: safed image build")),
        (ImageMismatch, f => f.Has("image") && !f.Has("host") ? new(
            $"this server cannot use the image '{f["image"]}'{Difference(f)}".Replace("it was suspended", "it was made", StringComparison.Ordinal), Nothing,
            "the supplier makes it again: safed image build") : new(
            $"this server cannot resume {Name(f)}{Difference(f)}", $"{f.Safe} is open and your files are there; the host's memory is kept",
            $"safe host start {f.Or("host", f.Or("name", "HOST"))} --cold, or ask the supplier for what it was suspended under")),
        (ImageDamaged, f => new(
            $"the image of {Name(f)} is not what was recorded of it{f.Tail("why", "detail")}", "it was not used; disks are untouched",
            $"safe host start {f.Or("host", f.Or("name", "HOST"))} --cold")),
        (HostRunning, f => new($"{Name(f)} runs", Nothing, $"safe host stop {f.Or("host", f.Or("name", "HOST"))}")),
        (HostStopped, f => new($"{Name(f)} does not run", Nothing, $"safe host start {f.Or("host", f.Or("name", "HOST"))}")),
        (HostFailed, f => new($"{Name(f)} could not be started{f.Tail("why", "detail")}", "the other hosts go on", $"safe host console {f.Or("host", f.Or("name", "HOST"))}")),
        (PortWrong, f => new($"{(f.Has("port") ? $"'{f["port"]}'" : "that")} is no port", Nothing, "HOST:PORT with a port from 1 to 65535, such as lab:8888")),
        (AlreadyExposed, f => new($"members reach {f.Or("service", "that port")} already", Nothing, f["service"].EndsWith(":22", StringComparison.Ordinal) ? "SSH is open to every member with a session" : "safe net")),
        (NothingListens, f => new(
            $"nothing listens on {f.Or("service", "that port of the host")}", Nothing, "start it in the host first, on localhost or on all addresses; in the host, `ss -ltn` shows what listens")),
        (LocalPort, f => new($"{(f.Has("port") ? $"port {f["port"]}" : "that port")} of this device cannot be used{f.Tail("why")}", Nothing, "another one: safe forward HOST:PORT --port LOCAL")),
    ];

    private static string Difference(Facts f) => f.Has("saved") ? $": it was suspended under {f["what"]} {f["saved"]}, here is {f["here"]}" : f.Tail("why", "detail");

    private static string Size(Facts f, string name) => Commands.HostLines.Size(f.Bytes(name));

    private const string Nothing = "nothing was changed";

    private static string Name(Facts f, string otherwise = "that host") => f.Has("host") ? $"'{f["host"]}'" : f.Has("name") ? $"'{f["name"]}'" : otherwise;
}
