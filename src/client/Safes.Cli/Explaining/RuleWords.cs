using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for the owners' rules.</summary>
internal static class RuleWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (RulesDamaged, f => new(
            $"the rules of {f.Safe} are not whole{f.Tail("why")}", "until they are, nothing reaches the internet, no data leave and no rule is taken; files and hosts are untouched",
            "tell every owner: whoever can write the open volume has changed them, or its storage is damaged")),
        (RuleRefused, f => new($"that rule does not fit those that stand{f.Tail("why")}", "nothing was changed", "safe rule list")),
        (Destination, f => new(
            $"{(f.Has("text") ? $"'{f["text"]}'" : "that")} is no destination of a rule{f.Tail("why")}", "nothing was changed", f.Has("instead") ? $"do you mean {f["instead"]}? then write it so" : "a name such as git.example.org:443, or *.example.org")),
        (PresetUnknown, f => new($"{(f.Has("name") ? $"'{f["name"]}'" : "that")} is neither a name with a dot nor a source of packages that is known here", "nothing was changed", $"the sources: {f.Or("presets", "safe rule allow --help")}")),
        (MethodUnknown, f => new($"{f.Or("method", "that")} is no method that a rule can allow there", "nothing was changed", $"{f.Or("known", "GET, HEAD, POST")}; sources of packages are only read, and take no --methods")),
        (TimePast, f => new("that rule would have ended before it begins", "nothing was changed", "--until 2h")),
        (NoResolver, f => new("the server asks nobody for names whom the proxy could ask", "no host reaches anything outside; everything else goes on", "the supplier: a nameserver that is not on the loopback, in /etc/resolv.conf")),
    ];
}
