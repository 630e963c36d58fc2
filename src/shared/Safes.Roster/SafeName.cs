namespace Safes.Roster;

/// <summary>
/// A safe's name, which is also the zone of its hosts, HOST.NAME, on members' devices. The supplier chooses it, and a device gives hosts of
/// that zone its ssh's trust: it is one label, and none under which there are others' names.
/// </summary>
public static class SafeName
{
    public const int Most = 31;

    /// <summary>What <see cref="IsValid"/> wants, in words.</summary>
    public const string Rule = "a-z, 0-9 and dashes, 3 to 31 characters, beginning with a letter, not a top-level domain";

    // RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476; what routers and offices call their networks; the top-level domains of most names.
    private static readonly HashSet<string> Others =
    [
        "local", "localhost", "localdomain", "invalid", "example", "onion", "alt", "internal", "intranet", "private", "home", "lan", "corp", "domain",
        "arpa", "com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "dev", "app", "cloud", "online", "site", "tech", "xyz",
    ];

    /// <summary>One label, no two-letter one and no well-known top-level domain.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 2 and <= Most && char.IsAsciiLetterLower(name[0]) && name[^1] != '-'
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')
        && !name.StartsWith("xn--", StringComparison.Ordinal) && !Others.Contains(name);
}
