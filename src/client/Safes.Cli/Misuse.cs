using System.CommandLine;
using System.CommandLine.Invocation;
using Safes.Contracts;

namespace Safes.Cli;

/// <summary>A command line that cannot be understood, as a fault like any other.</summary>
internal static class Misuse
{
    /// <summary>Whether it stops before it names a command: the answer is which there are.</summary>
    public static bool NamesNoCommand(ParseResult parsed) => parsed.Action is ParseErrorAction && IsGroup(parsed.CommandResult.Command) && parsed.UnmatchedTokens.Count == 0;

    /// <summary>Null: it can.</summary>
    /// <param name="typed">The words that were parsed.</param>
    public static FaultException? Of(ParseResult parsed, IReadOnlyList<string> typed)
    {
        var command = parsed.CommandResult.Command;
        string name = Typed(command);
        if (parsed.Action is ParseErrorAction && parsed.Errors is [var first, ..])
        {
            string said = parsed.UnmatchedTokens is not [var word, ..] ? string.Join(' ', first.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.')
                : IsOption(word) ? $"{name} has no option '{word}'"
                : IsGroup(command) ? $"there is no command '{name} {word}'" : $"{name} takes no '{word}'";
            return new FaultException(FaultCodes.Usage, ("what", said), ("hint", $"{name} --help"));
        }

        // Help, the version and what a shell completes answer whatever else is there.
        return parsed.Action != command.Action || Unknown(parsed, typed) is not { } option ? null
            : new FaultException(FaultCodes.Usage, ("what", $"{name} has no option '{option}'"), ("hint", $"{name} --help; what begins with a dash and is no option stands behind --"));
    }

    private static bool IsGroup(Command command) => command.Subcommands.Count > 0 && command.Action is null;

    private static bool IsOption(string word) => word.Length > 1 && word[0] == '-';

    /// <summary>
    /// A word with a dash before `--` that became an argument. The parser takes every unknown option for one, where there is room for more:
    /// a typing error would be a file's name.
    /// </summary>
    private static string? Unknown(ParseResult parsed, IReadOnlyList<string> typed)
    {
        int before = typed.TakeWhile(w => w != "--").Count(), behind = typed.Count - before - 1;
        string[] arguments = [.. parsed.CommandResult.Command.Arguments.SelectMany(a => parsed.GetResult(a)?.Tokens ?? []).Select(t => t.Value)];
        return arguments.SkipLast(Math.Max(0, behind)).FirstOrDefault(IsOption);
    }

    private static string Typed(Command command) => command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{Typed(parent)} {command.Name}" : "safe";
}
