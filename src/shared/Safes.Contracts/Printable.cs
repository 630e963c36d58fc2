using System.Globalization;
using System.Text;

namespace Safes.Contracts;

/// <summary>
/// Text from a server, a host, a guest, a file's or a program's name, made fit for a terminal and a log: control characters, terminal
/// sequences, characters that reorder what is shown and those that nobody sees become visible marks. The one place for it.
/// </summary>
public static class Printable
{
    private const char Mark = '\uFFFD';

    // Letters and marks by category, and yet nothing is drawn of them (Default_Ignorable_Code_Point).
    private static readonly (int First, int Last)[] Unseen =
    [
        (0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0000, 0xE0FFF),
    ];

    /// <summary>One line: line ends are marks too.</summary>
    public static string Line(string? text) => Clean(text, keepLines: false);

    /// <summary>Several lines: line feeds and tabs stay.</summary>
    public static string Text(string? text) => Clean(text, keepLines: true);

    /// <summary>Whether a terminal or a reader would be deceived by it.</summary>
    public static bool IsHarmful(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        || Array.Exists(Unseen, u => rune.Value >= u.First && rune.Value <= u.Last);

    private static string Clean(string? text, bool keepLines)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            bool stays = keepLines && rune.Value is '\n' or '\t' || !IsHarmful(rune);
            _ = stays ? clean.Append(rune.ToString()) : clean.Append(Mark);
        }

        return clean.ToString();
    }
}
