using System.CommandLine;
using Safes.Contracts;
using Safes.Hypervisor.Vaults;
using Safes.Linux;

namespace Safes.Hypervisor.Commands;

/// <summary>What every command is told: which safe, and where its things lie.</summary>
internal sealed class Roots
{
    private readonly bool mustExist;

    public Roots(bool mustExist)
    {
        this.mustExist = mustExist;
        Name = new Argument<string?>("NAME")
        {
            Description = mustExist ? "The safe's name; may be left out, as a server has one." : "The safe's name: a-z, 0-9 and dashes.",
            Arity = mustExist ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
        };
    }

    public Argument<string?> Name { get; }

    public Option<string> StateRoot { get; } = new("--state-root") { Description = "Where safes' keys and headers lie.", HelpName = "DIR", DefaultValueFactory = _ => SafePaths.DefaultStateRoot };

    public Option<string> RunRoot { get; } = new("--run-root") { Description = "Where sockets and pins of running safes lie.", HelpName = "DIR", DefaultValueFactory = _ => SafePaths.DefaultRunRoot };

    public void AddTo(Command command)
    {
        command.Add(Name);
        command.Add(StateRoot);
        command.Add(RunRoot);
    }

    /// <exception cref="FaultException"><see cref="FaultCodes.NoSafe"/>.</exception>
    public SafePaths Of(ParseResult parsed)
    {
        // Without links: what is looked for in mount tables and /proc stands there as the kernel names it.
        string state = Fcntl.Resolve(Path.GetFullPath(parsed.GetValue(StateRoot)!));
        string? name = parsed.GetValue(Name);
        if (mustExist)
        {
            var safes = Safes(state);
            if (name is null ? safes.Count != 1 : !safes.Contains(name))
            {
                throw new FaultException(FaultCodes.NoSafe, ("name", name ?? (safes.Count == 0 ? "any" : $"one of {string.Join(", ", safes)}")));
            }

            name ??= safes[0];
        }

        return new SafePaths(state, Fcntl.Resolve(Path.GetFullPath(parsed.GetValue(RunRoot)!)), name!);
    }

    public static IReadOnlyList<string> Safes(string stateRoot) => Directory.Exists(stateRoot)
        ? [.. Directory.EnumerateDirectories(stateRoot).Where(d => File.Exists(Path.Combine(d, "config.json")) && Unfinished.Find(d) is null).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)]
        : [];
}
