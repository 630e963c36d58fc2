using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for what is wrong on the device itself.</summary>
internal static class DeviceWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (Usage, f => new(f.Or("what", "that is not how the command is used"), Hint: f.Or("hint", "safe --help"))),
        (NoProfile, f => f.Has("safe")
            ? new($"this device does not belong to a safe named {f.Safe}", f.Has("known") ? $"it knows {f["known"]}" : null, "safe join ADDRESSFILE")
            : new("this device belongs to no safe yet", Hint: "safe id --name YOU, send the id to the owner or supplier, then safe join ADDRESSFILE")),
        (IdExists, f => new(
            $"this device made an id already{f.Tail("name")}, and it waits for its address",
            "nothing was changed; an id is for one safe and one name",
            "safe id --again writes the same id anew; safe id --discard gives it up")),
        (DamagedFile, f => new(
            $"{f.Or("what", "that file")} is damaged, or is not what it should be{f.Tail("why")}", "nothing was changed", "have it sent again, as a file")),
        (OtherSafe, f => new($"{f.Or("what", "that")} belongs to another safe{f.Tail("why")}", "nothing was changed", f.Has("hint") ? f["hint"] : null)),
        (OtherVersion, f => new(
            $"{f.Or("what", "that")} is of a version that this program does not know{f.Tail("why")}", "nothing was changed", "install the newer `safe`")),
        (NoPassword, f => new(f.Or("what", "no password was given, and there is no terminal to ask at"), "nothing was sent", "--password-fd N reads it from descriptor N")),
        (NoMemory, f => new(
            $"too little free memory for the password's hash: it needs {f.Or("needed", "256 MiB")}, {f.Or("free", "less")} free",
            "no attempt was counted", "end some programs, then try again")),
        (NoUnicode, _ => new(
            "this system lacks the Unicode tables (libicu) that make a password the same everywhere", "no password was asked for", "install libicu72 or libicu76")),
        (NotConfirmed, f => new(f.Or("what", "the fingerprint was not confirmed"), "nothing was changed", f.Has("hint") ? f["hint"] : "compare it by voice, then try again")),
        (UnsafePermissions, f => new(
            $"others may read or change {f.Or("path", "a file with keys")} (mode {f.Or("mode", "too wide")})",
            "it was not used",
            f.Has("directory") ? $"chmod 700 {f["path"]}" : f.Has("path") ? $"chmod 600 {f["path"]}" : null)),
        (OtherSystem, f => new(
            $"`safe` does not work on {f.Or("system", "this system")} yet: tunnel, locked memory and terminal are made for Linux",
            "nothing was touched; --help and completion work here", "a Linux computer, or a virtual machine with Linux on this one")),
    ];
}
