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
    ];
}
