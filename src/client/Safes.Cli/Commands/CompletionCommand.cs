using System.CommandLine;

namespace Safes.Cli.Commands;

/// <summary>What shells need to complete `safe`. They ask the program itself, so that nothing has to be kept in step.</summary>
internal static class CompletionCommand
{
    // No `compgen -W`: it would expand what it is given.
    private const string Bash = """
        _safe() {
            local line word=${COMP_WORDS[COMP_CWORD]}
            COMPREPLY=()
            while IFS= read -r line; do
                [[ $line == "$word"* ]] && COMPREPLY+=("$line")
            done < <(safe "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
        }
        complete -o default -F _safe safe

        """;

    private const string Zsh = """
        #compdef safe
        _safe() {
            local -a found
            found=("${(@f)$(safe "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
            compadd -a found || _files
        }
        compdef _safe safe

        """;

    private const string Fish = """
        complete -c safe -a '(safe "[suggest:"(commandline -C)"]" (commandline) 2>/dev/null)'

        """;

    private static readonly Dictionary<string, string> Scripts = new(StringComparer.Ordinal) { ["bash"] = Bash, ["zsh"] = Zsh, ["fish"] = Fish };

    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong([.. Scripts.Keys]);
        return new Command("completion", "Print what a shell needs to complete commands, options, safes and hosts.")
        {
            shell,
        }.With(". <(safe completion bash)", "safe completion fish > ~/.config/fish/completions/safe.fish").Writes((given, _) =>
            Console.Out.WriteAsync(Scripts[given.GetValue(shell)!]));
    }
}
