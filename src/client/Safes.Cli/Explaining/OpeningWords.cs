using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for opening, sessions and membership.</summary>
internal static class OpeningWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (WrongPassword, f => new(
            $"that is not the password of this device{(f.Has("device") ? $" ({f["device"]})" : "")}",
            f.Has("tries_left") ? $"{Tries(f["tries_left"])}, then this device waits" : null,
            "is Caps Lock on?")),
        (TooManyTries, f => new(
            $"too many wrong passwords: this device waits {f.Or("seconds", "some")} s", "no other member is held up by it", "try again after that")),
        (NotJoined, f => new($"this device was added to {f.Safe} but has not joined", Hint: "safe join ADDRESSFILE")),
        (AlreadyJoined, f => new(f.Or("what", $"this device has joined {f.Safe} already"), "nothing was changed", $"safe open{f.Argument}")),
        (Closing, f => new($"{f.Safe} is closing{f.Tail("detail", "why")}", "its hosts are being suspended; new sessions are refused until it is closed", "try again in a moment")),
        (FilesBusy, f => new(
            $"{f.Safe} is still closing: {Holder(f)} has files open",
            f.Or("key", "") == "absent" ? "its key has gone from the kernel; the volume is still attached, and new sessions are refused" : "its key is still in the kernel; new sessions are refused",
            "end that process on the server; closing goes on by itself")),
        (Faulted, f => new(
            $"{f.Safe} could not be closed{f.Tail("detail", "why", "holder")}", "it refuses sessions and goes on trying", "the supplier sees the holder with `safed status`")),
        (Moved, f => new($"{f.Safe} changed while it was asked", "nothing was opened or changed by this command", "try again")),
        (Unclaimed, f => new($"{f.Safe} waits for its owner: it has no key yet", Hint: "its owner runs: safe join ADDRESSFILE")),
        (NotOpen, f => new($"{f.Safe} is not open", Hint: $"safe open{f.Argument}")),
        (NoSession, f => new($"this device does not hold {f.Safe} open", f.Has("last") ? f["last"] : null, $"safe open{f.Argument}")),
        (NotOwner, f => new($"only an owner of {f.Safe} may do that", "nothing was changed", f.Has("owners") ? $"ask {f["owners"]}" : "ask an owner")),
        (Expired, f => new($"it took too long{f.Tail("what", "why")}", "nothing was changed", "try again")),
        (SessionLost, f => new(
            $"your session of {f.Safe} ended{(f.Has("at") ? $" at {f["at"]}" : "")}{f.Tail("reason", "why")}", f.Has("kept") ? f["kept"] : null, $"safe open{f.Argument}")),
        (BadRequest, f => new($"{f.Safe} did not understand this program{f.Tail("what", "why")}", "nothing was changed", "are `safe` and `safed` of the same version?")),
        (OpeningLost, f => new(
            $"the process that was opening {f.Safe} ended before it was done{f.Tail("how")}",
            f.Has("sent")
                ? $"your password was on its way: if {f.Safe} is open now, this device does not hold it, and the lease ends that by itself"
                : "your password was not sent; nothing was opened",
            $"safe open{f.Argument}{(f.Has("log") ? $"; if it ends again, see {f["log"]}" : "")}")),
        (SessionBusy, f => new(
            $"a session of this device{(f.Has("pid") ? $" (pid {f["pid"]}{(f.Has("computer") ? $" on {f["computer"]}" : "")})" : "")} has {f.Safe}{f.Tail("why")}",
            "nothing was changed; a device has one session",
            f.Has("computer") ? $"leave it there, on {f["computer"]}: safe leave" : "wait for it, or end it: safe leave")),
        (MemberExists, f => new($"{f.Or("member", "that member")} belongs to {f.Safe} already", "nothing was changed", "safe member list")),
        (MemberUnknown, f => new($"{f.Or("member", "that member")} does not belong to {f.Safe}", "nothing was changed", "safe member list")),
    ];

    private static string Tries(string left) => left == "1" ? "1 more try" : $"{left} more tries";

    private static string Holder(Facts f) => f.Has("pid") ? $"{f.Or("holder", f.Or("command", "a process"))} (pid {f["pid"]})" : f.Or("holder", "a process");
}
