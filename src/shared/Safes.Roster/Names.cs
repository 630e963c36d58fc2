using System.Globalization;
using System.Text;

namespace Safes.Roster;

/// <summary>The names people give to members and devices, and the account names that follow from them in hosts.</summary>
public static class Names
{
    public const int Most = 48, MostAccount = 31;

    // A member of this name must not become the system's account of it.
    private static readonly HashSet<string> Reserved =
    [
        "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup", "list", "irc",
        "nobody", "nogroup", "messagebus", "sshd", "sudo", "team", "adm", "tty", "disk", "kmem", "dialout", "fax", "voice", "cdrom", "floppy", "tape",
        "audio", "dip", "operator", "src", "shadow", "utmp", "video", "sasl", "plugdev", "staff", "users", "kvm", "input", "render",
        "crontab", "netdev", "polkitd", "tcpdump", "ntp", "debian", "admin", "safes",
    ];

    /// <summary>Letters, digits, marks, single spaces and . - _ '; at most 48 characters, neither space nor dash at an end: safe to print anywhere.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= Most
        && name[0] is not (' ' or '-') && name[^1] is not (' ' or '-') && !name.Contains("  ", StringComparison.Ordinal)
        && name.EnumerateRunes().All(r => Rune.IsLetterOrDigit(r) || r.Value is ' ' or '.' or '-' or '_' or '\''
            || Rune.GetUnicodeCategory(r) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark)
        && name.EnumerateRunes().Any(Rune.IsLetterOrDigit);

    /// <summary>
    /// The account of a member: its name in [a-z][a-z0-9-]{0,30}, unlike every one in <paramref name="taken"/>. The same on every
    /// device and server, so it must not depend on Unicode data: what is not ASCII is left out.
    /// </summary>
    public static string Account(string name, IReadOnlySet<string> taken)
    {
        var kept = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsAsciiLetterOrDigit(c))
            {
                _ = kept.Append((char)(c is >= 'A' and <= 'Z' ? c | 0x20 : c));
            }
            else if (c is ' ' or '.' or '-' or '_' && kept.Length > 0 && kept[^1] != '-')
            {
                _ = kept.Append('-');
            }
        }

        string account = kept.ToString().Trim('-');
        account = account.Length == 0 ? "member" : !char.IsAsciiLetterLower(account[0]) || IsReserved(account) ? "m-" + account : account;
        account = Cut(account, MostAccount);
        string candidate = account;
        for (int n = 2; taken.Contains(candidate); n++)
        {
            candidate = Cut(account, MostAccount - 4) + "-" + n.ToString(CultureInfo.InvariantCulture);
        }

        return candidate;
    }

    private static bool IsReserved(string account) => Reserved.Contains(account) || account.StartsWith("systemd-", StringComparison.Ordinal);

    private static string Cut(string text, int most) => text.Length <= most ? text : text[..most].TrimEnd('-');
}
