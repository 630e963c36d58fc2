using System.Globalization;
using System.Text;

namespace Safes.Client.Reports;

/// <summary>
/// Text from a server, a host or a file of somebody else, made fit for a terminal: control characters, terminal sequences and
/// characters that reorder what is shown become visible marks.
/// </summary>
public static class Printable
{
    private const char Mark = '\uFFFD';

    /// <summary>One line: line ends are marks too.</summary>
    public static string Line(string? text) => Clean(text, keepLines: false);

    /// <summary>Several lines: line feeds and tabs stay.</summary>
    public static string Text(string? text) => Clean(text, keepLines: true);

    private static string Clean(string? text, bool keepLines)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (keepLines && rune.Value is '\n' or '\t')
            {
                clean.Append((char)rune.Value);
                continue;
            }

            bool harmful = Rune.GetUnicodeCategory(rune)
                is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
            _ = harmful ? clean.Append(Mark) : clean.Append(rune.ToString());
        }

        return clean.ToString();
    }
}
