using System.CommandLine;

namespace Safes.Cli;

/// <summary>Options that every command has.</summary>
internal static class Common
{
    public static Option<bool> Json { get; } = new("--json") { Description = "The same as JSON", Recursive = true };

    public static Option<bool> Verbose { get; } = new("--verbose") { Description = "More about each step", Recursive = true };

    public static Option<string?> Safe { get; } = new("--safe") { Description = "Which safe, if this device belongs to several", HelpName = "NAME", Recursive = true, CompletionSources = { Known.Safes } };

    public static Option<int?> PasswordDescriptor { get; } = new("--password-fd")
    {
        Description = "Read the password from descriptor N instead of the terminal",
        HelpName = "N",
        Recursive = true,
    };

    public static Command Does(this Command command, Func<Invocation, Task> act)
    {
        command.SetAction((given, _) => Elsewhere.IsHere ? Invocation.RunAsync(given, act) : Elsewhere.RefuseAsync(given));
        return command;
    }

    /// <summary>Of a command that only writes text of its own.</summary>
    public static Command Writes(this Command command, Func<ParseResult, CancellationToken, Task> act)
    {
        command.SetAction(act);
        return command;
    }
}
