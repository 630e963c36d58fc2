using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for files on their way in and out.</summary>
internal static class FileWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (FileUnknown, f => new($"there is no {(f.Has("file") ? File(f) : "such file")} {(f["where"] == "device" ? "on this device" : "there")}", Nothing, f["where"] == "device" ? null : "paths in the safe are as its hosts see them: /safe/..")),
        (FileExists, f => new($"{File(f)} is there already, and it is not the same{Why(f)}", "it was left as it is", "--replace puts the new one in its place; or take another name")),
        (FileName, f => new($"{File(f)} cannot be a file's name there{Why(f)}", Nothing, "rename it and go on: what is over already is not sent again")),
        (FileKind, f => new($"{File(f)} is not what was expected there{Why(f)}", Nothing, "links, devices and pipes are never followed nor sent; pack them (tar) to take them along")),
        (FileChanged, f => new($"{File(f)} changed while it was under way{Why(f)}", "nothing of it has its name", "the same command again, when nobody writes to it")),
        (FileDamaged, f => new($"{File(f)} did not arrive as it was sent{Why(f)}", "nothing of it has its name", "the same command again; if it stays so, a disk or memory on the way is not sound")),
        (FileDenied, f => new($"this account may not read or write {File(f)}{(f["where"] == "device" || !f.Has("from") ? " on this device" : "")}{Why(f)}", Nothing)),
        (FileFailed, f => new($"{File(f)} cannot be read or written on this device{Why(f)}", "nothing of it has its name; the others go on", "look at its disk or file system (dmesg), then the same command again")),
        (TransfersBusy, f => new($"too many files are under way{f.Tail("why")}", Nothing, "the same command again, when one of them has ended")),
        (ShareFull, f => new(
            $"{f.Safe} has no room for {File(f)}{Room(f)}", "what was there of it was removed; hosts and what was whole before go on", "safe status shows what fills the volume")),
        (DeviceFull, f => new($"this device has no room for {File(f)}{Room(f)}", "what came of it is kept beside its place as .safe-*.part", "make room and give the same command again: it goes on")),
    ];

    private const string Nothing = "nothing was changed";

    private static string File(Facts f) => f.Has("file") ? $"'{(f["from"] == "server" ? "/safe/" : "")}{f["file"]}'" : "that file";

    private static string Why(Facts f) => f.Tail("why");

    private static string Room(Facts f) => (f.Has("wanted"), f.Has("available")) switch
    {
        (true, true) => $": it takes {Commands.HostLines.Size(f.Bytes("wanted"))}, {Commands.HostLines.Size(f.Bytes("available"))} can be given",
        (true, false) => $", which takes {Commands.HostLines.Size(f.Bytes("wanted"))}",
        _ => "",
    };
}
