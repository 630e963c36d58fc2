using System.CommandLine;
using System.CommandLine.Invocation;
using Safes.Contracts;

namespace Safes.Cli;

/// <summary>A command line that cannot be understood, as a fault like any other.</summary>
internal static class Misuse
{
    /// <summary>Null: it can; or it names no command yet, which is answered with the commands there are.</summary>
    public static FaultException? Of(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (parsed.Action is not ParseErrorAction || parsed.Errors is not [var first, ..] || (command.Subcommands.Count > 0 && command.Action is null))
        {
            return null;
        }

        string said = string.Join(' ', first.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
        return new FaultException(FaultCodes.Usage, ("what", said), ("hint", $"{Typed(command)} --help"));
    }

    private static string Typed(Command command) => command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{Typed(parent)} {command.Name}" : "safe";
}
