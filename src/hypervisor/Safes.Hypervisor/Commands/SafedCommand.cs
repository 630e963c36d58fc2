using System.CommandLine;
using System.CommandLine.Invocation;
using Safes.Contracts;
using Safes.Hypervisor.Api;
using Safes.Linux;

namespace Safes.Hypervisor.Commands;

/// <summary>The program `safed` as people call it.</summary>
public static class SafedCommand
{
    internal static RootCommand Create(string[] arguments)
    {
        var root = new RootCommand(
            """
            Keeps safes on this server.

            Example:
              safed doctor
              safed init ledger --owner anna.safeid --size 200G --endpoint safe.example.org:51820
              safed run ledger
            """)
        {
            InitCommand.Create(arguments), RunCommand.Create(arguments), StatusCommand.Create(), SealCommand.Create(), StopCommand.Create(arguments),
            ImageCommand.Create(), Doctor.DoctorCommand.Create(),
            new Command("guard", "The guardian; safed starts it.") { Hidden = true },
            new Command(Within.InsideProcess.Word, "What lives as long as one opening; safed starts it.") { Hidden = true },
        };
        return root;
    }

    /// <summary>Words are what was typed: none is the name of a file that holds more of them (`@file`).</summary>
    internal static ParseResult Parse(RootCommand root, string[] arguments) => root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });

    public static async Task<int> RunAsync(string[] arguments)
    {
        var root = Create(arguments);
        Examples.ShowBelowHelp(root);
        var parsed = Parse(root, arguments);
        if (Misuse(parsed) is { } said)
        {
            int exit = Explain.To(Console.Error, new FaultException(FaultCodes.Usage, ("detail", said)));
            await Console.Error.WriteLineAsync($"safed: hint:  safed {string.Join(' ', Above(parsed.CommandResult.Command).Append("--help"))}").ConfigureAwait(false);
            return exit;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(15) }).ConfigureAwait(false);
    }

    /// <summary>What cannot be meant, in a line; null: it can. A word with a dash is an option until `--`.</summary>
    internal static string? Misuse(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (parsed.Action is ParseErrorAction)
        {
            return parsed.UnmatchedTokens is [var unknown, ..] ? $"{command.Name} takes no '{unknown}'" : string.Join(' ', parsed.Errors[0].Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
        }

        bool dashes = parsed.Tokens.Any(t => t.Type == System.CommandLine.Parsing.TokenType.DoubleDash);
        return parsed.Action == command.Action && !dashes
            && command.Arguments.SelectMany(a => parsed.GetResult(a)?.Tokens ?? []).FirstOrDefault(t => t.Value.StartsWith('-')) is { } word
            ? $"{command.Name} has no option '{word.Value}'" : null;
    }

    private static IEnumerable<string> Above(Command command) => command is RootCommand ? [] : command.Parents.OfType<Command>().Take(1).SelectMany(Above).Append(command.Name);

    /// <summary>Runs what a command does and finds words for what stops it.</summary>
    internal static async Task<int> GuardAsync(Func<Task<int>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return FaultCodes.Aborted;
        }
        catch (Exception e)
        {
            var fault = FaultMap.Of(e);
            if (fault.Code == FaultCodes.Internal)
            {
                await Console.Error.WriteLineAsync(e.ToString()).ConfigureAwait(false);
            }

            return Explain.To(Console.Error, fault);
        }
    }

    internal static void RequireRoot()
    {
        if (Unistd.EffectiveUser != 0)
        {
            throw new FaultException(FaultCodes.NotRoot);
        }
    }
}
