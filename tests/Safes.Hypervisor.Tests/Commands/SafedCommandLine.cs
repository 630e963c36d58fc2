using System.CommandLine;
using Safes.Hypervisor.Commands;
using Safes.Tests;

namespace Safes.Hypervisor.Tests.Commands;

public class SafedCommandLine
{
    [Fact]
    public void Safed_reads_its_words_as_they_were_typed()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, "--foreground\n");
        var parsed = SafedCommand.Parse(SafedCommand.Create([]), ["run", $"@{file}"]);
        File.Delete(file);
        Assert.Null(SafedCommand.Misuse(parsed));
        Assert.False(parsed.GetValue<bool>("--foreground"));
        Assert.Equal("status has no option '--typo'", Misuse("status --typo"));
        Assert.Null(Misuse("status -- -odd"));
        Assert.Null(Misuse("status --typo --help"));
        Assert.Contains("nonsense", Misuse("nonsense"), StringComparison.Ordinal);
        Assert.NotNull(Misuse("init ledger"));
    }

    [Fact]
    public void Every_example_of_safed_is_understood()
    {
        string[] told = [.. Typed.Lines("safed"), .. All(SafedCommand.Create([])).SelectMany(c => (c.Description ?? "").Split('\n')).Select(l => l.Trim()).Where(l => l.StartsWith("safed ", StringComparison.Ordinal))];
        Assert.InRange(told.Length, 10, 1000);
        Assert.Empty(told.Where(line => SafedCommand.Misuse(SafedCommand.Parse(SafedCommand.Create([]), Typed.Words(line))) is not null));
    }

    private static string? Misuse(string typed) => SafedCommand.Misuse(SafedCommand.Parse(SafedCommand.Create([]), typed.Split(' ')));

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);
}
