using System.Text;
using System.Text.RegularExpressions;

namespace Safes.Tests;

/// <summary>What this repository's pages tell people to type.</summary>
internal static partial class Typed
{
    /// <summary>All pages that people read, by their names.</summary>
    public static IReadOnlyDictionary<string, string> Pages { get; } = Find();

    /// <summary>Command lines of examples, after a prompt, without the remark behind.</summary>
    public static IEnumerable<string> Lines(string program) => Pages.Values.SelectMany(p => Prompts().Matches(p)).Select(m => m.Groups[1].Value)
        .Select(line => Remark().Split(line)[0]).Where(line => line.StartsWith(program + " ", StringComparison.Ordinal));

    /// <summary>What stands between backticks, whole commands or the beginning of some.</summary>
    public static IEnumerable<string> Mentions(string program) => Pages.Values.SelectMany(p => Backticks().Matches(p)).Select(m => m.Groups[1].Value)
        .Where(text => text.StartsWith(program + " ", StringComparison.Ordinal)).Distinct();

    /// <summary>The words of a command line behind the program's name, as a shell takes them; what follows on the same line is another command's.</summary>
    public static string[] Words(string line)
    {
        List<string> words = [];
        var word = new StringBuilder();
        bool inside = false;
        char quote = '\0';
        foreach (char c in line + " ")
        {
            if (quote != '\0')
            {
                _ = c == quote ? word.Length : word.Append(c).Length;
                quote = c == quote ? '\0' : quote;
            }
            else if (c is '\'' or '"')
            {
                (quote, inside) = (c, true);
            }
            else if (c is ';' or '>' or '|' or '&' || (c == '#' && !inside))
            {
                break;
            }
            else if (c != ' ')
            {
                word.Append(c);
                inside = true;
            }
            else if (inside)
            {
                words.Add(word.ToString());
                word.Clear();
                inside = false;
            }
        }

        return [.. inside ? words.Append(word.ToString()).Skip(1) : words.Skip(1)];
    }

    private static Dictionary<string, string> Find()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Safes.slnx")))
        {
            root = root.Parent!;
        }

        string[] files = [.. Directory.GetFiles(root.FullName, "*.md"), .. Directory.GetFiles(Path.Combine(root.FullName, "docs"), "*.md", SearchOption.AllDirectories), .. Directory.GetFiles(Path.Combine(root.FullName, "packaging"), "*.md")];
        return files.ToDictionary(f => Path.GetRelativePath(root.FullName, f), File.ReadAllText);
    }

    [GeneratedRegex(@"^[$#] (.+)$", RegexOptions.Multiline)]
    private static partial Regex Prompts();

    [GeneratedRegex(" {2,}")]
    private static partial Regex Remark();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Backticks();
}
