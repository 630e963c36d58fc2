using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Safes.Hypervisor.Commands;

/// <summary>
/// A command's description ends with its examples. They belong below the help of that command, not into the list of all commands.
/// </summary>
internal static class Examples
{
    private const string Mark = "Example:\n";

    public static void ShowBelowHelp(RootCommand root)
    {
        var examples = new Dictionary<Command, string>();
        Part(root, examples);
        if (root.Options.OfType<HelpOption>().FirstOrDefault() is { Action: HelpAction usual } help)
        {
            help.Action = new HelpWithExamples(usual, examples);
        }
    }

    private static void Part(Command command, Dictionary<Command, string> examples)
    {
        if (command.Description is { } text && text.IndexOf(Mark, StringComparison.Ordinal) is >= 0 and var at)
        {
            command.Description = text[..at].TrimEnd();
            examples[command] = text[at..].TrimEnd();
        }

        foreach (var below in command.Subcommands)
        {
            Part(below, examples);
        }
    }

    private sealed class HelpWithExamples(HelpAction usual, Dictionary<Command, string> examples) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            int status = usual.Invoke(parseResult);
            if (examples.TryGetValue(parseResult.CommandResult.Command, out string? text))
            {
                parseResult.InvocationConfiguration.Output.WriteLine(text + "\n");
            }

            return status;
        }
    }
}
