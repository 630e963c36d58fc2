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
        (OtherVersion, f => f.Has("between")
            ? new("this `safe` and the server are of versions that do not work together", "nothing was changed",
                "`safe --version` says this one's; ask the supplier which one the server has, and install the newer of the two on both sides")
            : new(
            $"{f.Or("what", "that")} is of a version that this program does not know{f.Tail("why")}", "nothing was changed", "install the newer `safe`")),
        (NoPassword, f => new(f.Or("what", "no password was given, and there is no terminal to ask at"), "nothing was sent", "--password-fd N reads it from descriptor N")),
        (NoMemory, f => new(
            $"too little free memory for the password's hash: it needs {f.Or("needed", "256 MiB")}, {f.Or("free", "less")} free",
            "no attempt was counted", "end some programs, then try again")),
        (NoUnicode, _ => new(
            "this system lacks the Unicode tables (libicu) that make a password the same everywhere", "no password was asked for", "install libicu72 or libicu76")),
        (NotConfirmed, f => new(f.Or("what", "the fingerprint was not confirmed"), "nothing was changed", f.Has("hint") ? f["hint"] : "compare it by voice, then try again")),
        (UnsafePermissions, f => f.Has("owner") ? new(
            $"{f.Or("path", "a file of this device")} belongs to another user (number {f["owner"]})", "it was not used",
            "run `safe` as the user whose device it is, with HOME that user's own (`sudo -H`)")
        : f.Has("link") ? new($"{f.Or("path", "a file of this device")} is a link, where only the file or directory itself will do", "it was not used", "put it there itself")
        : new(
            $"others may read or change {f.Or("path", "a file with keys")} (mode {f.Or("mode", "too wide")})",
            "it was not used",
            f.Has("directory") ? $"chmod 700 {f["path"]}" : f.Has("path") ? $"chmod 600 {f["path"]}" : null)),
        (PlaceUnusable, f => new($"{f.Or("path", "a place of this device")} cannot be used{f.Tail("why")}", "nothing was changed", f.Has("hint") ? f["hint"] : "make it this account's own and writable, or set HOME, XDG_CONFIG_HOME or XDG_RUNTIME_DIR to a place that is")),
        (OtherSystem, f => new(
            $"`safe` does not work on {f.Or("system", "this system")} yet: tunnel, locked memory and terminal are made for Linux",
            "nothing was touched; --help and completion work here", "a Linux computer, or a virtual machine with Linux on this one")),
    ];
}
