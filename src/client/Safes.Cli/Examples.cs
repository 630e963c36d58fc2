using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Safes.Cli;

/// <summary>How each command is called, shown below its help.</summary>
internal static class Examples
{
    private static readonly Dictionary<Command, string[]> Known = [];

    public static T With<T>(this T command, params string[] examples)
        where T : Command
    {
        Known[command] = examples;
        return command;
    }

    /// <summary>The examples of a command; none for one that nobody types.</summary>
    public static IReadOnlyList<string> Of(Command command) => Known.GetValueOrDefault(command, []);

    /// <summary>Makes --help show them.</summary>
    public static void ShowIn(RootCommand root)
    {
        if (root.Options.OfType<HelpOption>().FirstOrDefault() is { Action: HelpAction usual } help)
        {
            help.Action = new HelpWithExamples(usual);
        }
    }

    private sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            // A list of commands shows arguments that may be left out as those that may not.
            var configuration = parseResult.InvocationConfiguration;
            var (output, text) = (configuration.Output, new StringWriter());
            configuration.Output = text;
            int exit = usual.Invoke(parseResult);
            configuration.Output = output;
            output.Write(parseResult.CommandResult.Command.Subcommands.Aggregate(text.ToString(), Optional));
            var examples = Of(parseResult.CommandResult.Command);
            if (examples.Count > 0)
            {
                output.Write("Examples:\n" + string.Concat(examples.Select(e => $"  {e}\n")) + "\n");
            }

            return exit;
        }

        private static string Optional(string help, Command command)
        {
            string label = string.Concat(command.Arguments.Select(a => $" <{a.Name}>")), right = string.Concat(command.Arguments.Select(a => a.Arity.MinimumNumberOfValues == 0 ? $" [<{a.Name}>]" : $" <{a.Name}>"));
            return right == label ? help : help.Replace($"\n  {command.Name}{label.PadRight(right.Length)} ", $"\n  {command.Name}{right} ", StringComparison.Ordinal);
        }
    }
}
