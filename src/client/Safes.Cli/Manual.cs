using System.CommandLine;
using System.Text;

namespace Safes.Cli;

/// <summary>Manual pages, made from the very commands that --help shows.</summary>
internal static class Manual
{
    /// <summary>A page for each command that people type, by file name: safe.1, safe-open.1, safe-host-add.1.</summary>
    public static IEnumerable<(string File, string Page)> Pages(Command root, string typed = "safe")
    {
        yield return ($"{typed.Replace(' ', '-')}.1", Page(root, typed));
        foreach (var page in root.Subcommands.Where(c => !c.Hidden).SelectMany(c => Pages(c, $"{typed} {c.Name}")))
        {
            yield return page;
        }
    }

    private static string Page(Command command, string typed)
    {
        string name = typed.Replace(' ', '-');
        var page = new StringBuilder($".TH {name.ToUpperInvariant().Replace("-", "\\-", StringComparison.Ordinal)} 1 \"\" \"Safes\" \"Safes\"\n");
        string arguments = string.Concat(command.Arguments.Where(a => !a.Hidden).Select(a => a.Arity.MinimumNumberOfValues == 0 ? $" [{a.Name}]" : $" {a.Name}"));
        bool parent = command.Subcommands.Any(c => !c.Hidden);
        page.Append($".SH NAME\n{Text(name)} \\- {Text(command.Description ?? "")}\n");
        page.Append($".SH SYNOPSIS\n.B {Text(typed)}\n{Text($"{(parent ? "COMMAND" : "")}{arguments} [OPTIONS]".Trim())}\n");
        Section(page, "COMMANDS", command.Subcommands.Where(c => !c.Hidden).Select(c => ($"{typed} {c.Name}", c.Description)));
        Section(page, "ARGUMENTS", command.Arguments.Where(a => !a.Hidden).Select(a => (a.Name, a.Description)));
        Section(page, "OPTIONS", Options(command).Select(o => (string.Join(", ", o.Aliases.Prepend(o.Name)) + (o.ValueType == typeof(bool) || o.ValueType == typeof(void) ? "" : $" {o.HelpName ?? "VALUE"}"), o.Description)));
        if (Examples.Of(command) is { Count: > 0 } examples)
        {
            page.Append(".SH EXAMPLES\n.nf\n" + string.Concat(examples.Select(e => Text(e) + "\n")) + ".fi\n");
        }

        if (command is RootCommand)
        {
            page.Append($".SH EXIT STATUS\n{Text("0 when it worked, 130 when it was interrupted, else the number of the fault that is named in brackets; SPECIFICATION lists them.")}\n");
        }

        return page.ToString();
    }

    /// <summary>Its own, and those that every command has.</summary>
    private static IEnumerable<Option> Options(Command command)
    {
        var inherited = command.Parents.OfType<Command>().SelectMany(Options).Where(o => o.Recursive);
        return command.Options.Concat(inherited).Where(o => !o.Hidden).Distinct();
    }

    private static void Section(StringBuilder page, string title, IEnumerable<(string Name, string? Description)> entries)
    {
        var all = entries.ToList();
        if (all.Count > 0)
        {
            page.Append($".SH {title}\n" + string.Concat(all.Select(e => $".TP\n.B {Text(e.Name)}\n{Text(e.Description ?? "")}\n")));
        }
    }

    /// <summary>Nothing in it is taken for a request of roff.</summary>
    private static string Text(string text)
    {
        string escaped = text.ReplaceLineEndings(" ").Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        return escaped is ['.' or '\'', ..] ? "\\&" + escaped : escaped;
    }
}
