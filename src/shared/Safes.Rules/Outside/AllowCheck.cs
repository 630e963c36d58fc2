namespace Safes.Rules.Outside;

/// <summary>Why a rule that is well formed is not to be made.</summary>
public enum AllowFlaw
{
    /// <summary>There is no host of that name.</summary>
    Host,

    /// <summary>Its destination is none.</summary>
    Destination,

    /// <summary>There is no preset of that name.</summary>
    Preset,

    /// <summary>A method that HTTP has not, or one that is no request for a destination (CONNECT, TRACE); or any at all of a preset, which is read.</summary>
    Method,

    /// <summary>It would have ended already.</summary>
    Past,
}

/// <summary>What is looked at when a rule is made, not when it holds: hosts come and go, and presets with versions.</summary>
public static class AllowCheck
{
    public static IReadOnlyList<string> Methods { get; } =
    [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
    ];

    /// <summary>Null: nothing is amiss; else what, and the word that is.</summary>
    public static (AllowFlaw Flaw, string Word)? Of(AllowRule rule, IEnumerable<string> hosts, DateTimeOffset now)
    {
        if (rule.From != "*" && !hosts.Contains(rule.From))
        {
            return (AllowFlaw.Host, rule.From);
        }

        if (rule.To.StartsWith('@'))
        {
            return Preset.Find(rule.To) is null ? (AllowFlaw.Preset, rule.To)
                : rule.Methods.Count > 0 ? (AllowFlaw.Method, rule.Methods[0]) : Late(rule, now);
        }

        try
        {
            if (Destination.Parse(rule.To) != new Destination(rule.To, 0))
            {
                return (AllowFlaw.Destination, rule.To);
            }
        }
        catch (DestinationException)
        {
            return (AllowFlaw.Destination, rule.To);
        }

        return rule.Methods.FirstOrDefault(m => !Methods.Contains(m)) is { } unknown ? (AllowFlaw.Method, unknown) : Late(rule, now);
    }

    private static (AllowFlaw, string)? Late(AllowRule rule, DateTimeOffset now) =>
        rule.UntilUnix != 0 && rule.UntilUnix <= now.ToUnixTimeSeconds() ? (AllowFlaw.Past, "") : null;
}
