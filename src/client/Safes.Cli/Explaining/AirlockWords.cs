using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for files that are to be let out.</summary>
internal static class AirlockWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (NeedsApproval, f => f.Has("number")
            ? new($"request {f["number"]} is {f["state"]}", Nothing, $"safe out show {f["number"]}")
            : new($"`safe get` lets files of {f.Safe} out only when an owner other than who asks has approved them{(f.Has("mode") ? $" ({f["mode"]})" : "")}", Nothing,
                "put them into /safe/outbox, then safe out request /safe/outbox/.. --reason TEXT")),
        (RequestUnknown, f => new($"there is no request {f.Or("number", "of that number")}", Nothing, "safe out list")),
        (RequestDecided, f => new($"{Request(f)} was {f.Or("how", "decided")} already{(f.Has("member") ? $" by {f["member"]}" : "")}", "it stays so", "whoever wants it otherwise asks anew: safe out request")),
        (RequestOwn, f => new($"{Request(f)} is your own: another owner decides it", Nothing, f.Has("others") ? "ask another owner: safe member list shows them"
            : "there is no other owner yet: safe member add FILE --owner makes one; or decide that files leave freely: safe rule data-out free")),
        (RequestChanged, f => new($"{(f.Has("file") ? $"'/safe/{f["file"]}'" : "a file")} is no longer what {Request(f)} asked for", "nothing of what changed left the safe; nothing of it has its name here", "safe out request asks anew, for what it is now")),
        (NoShell, f => new($"{f.Safe} gives devices neither shell nor console: owners decided that data leave only by approval (closed)", "the safe is open; safe put, safe out and safe get --request work", "safe rule list shows what they decided")),
    ];

    private const string Nothing = "nothing left the safe";

    private static string Request(Facts f) => f.Has("number") ? $"request {f["number"]}" : "that request";
}
