using System.CommandLine;
using Safes.Cli.Commands;
using Safes.Contracts;

namespace Safes.Cli.Tests;

/// <summary>What the program does on a system that it was built for and cannot work on: as much as can be seen on one that it can.</summary>
[Collection("other systems")]
public sealed class OtherSystems : IDisposable
{
    /// <summary>What stands for an argument that not every text can be.</summary>
    private static readonly Dictionary<string, string> Typed = new() { ["SHELL"] = "bash", ["NUMBER"] = "3", ["N"] = "3", ["MODE"] = "free" };

    private readonly (TextWriter Output, TextWriter Error) before = (Console.Out, Console.Error);
    private readonly StringWriter output = new(), error = new();

    public OtherSystems()
    {
        Elsewhere.IsHere = false;
        Console.SetOut(output);
        Console.SetError(error);
    }

    public static TheoryData<string> All { get; } = [.. Leaves(Root.Create(), "").Where(c => c is not "completion bash" and not "manual DIRECTORY")];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Every_command_says_so_before_it_touches_anything(string command)
    {
        int exit = await Root.Create().Parse(command).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }, TestContext.Current.CancellationToken);
        Assert.Equal(FaultCodes.OtherSystem.Exit, exit);
        Assert.Contains("[other-system]", error.ToString(), StringComparison.Ordinal);
        Assert.Empty(output.ToString());
    }

    [Theory]
    [InlineData("completion bash", "_safe()")]
    [InlineData("--help", "Work in a safe")]
    [InlineData("host add --help", "safe host add build")]
    [InlineData("--version", "0.1")]
    [InlineData("[suggest:10] \"safe open \"", "")]
    public async Task Text_works_everywhere(string command, string said)
    {
        Assert.Equal(0, await Root.Create().Parse(command).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = output }, TestContext.Current.CancellationToken));
        Assert.Contains(said, output.ToString(), StringComparison.Ordinal);
        Assert.Empty(error.ToString());
    }

    public void Dispose()
    {
        Elsewhere.IsHere = OperatingSystem.IsLinux();
        Console.SetOut(before.Output);
        Console.SetError(before.Error);
    }

    private static IEnumerable<string> Leaves(Command command, string typed)
    {
        string self = typed.Length == 0 ? "" : string.Join(' ', [typed, .. command.Arguments.Select(a => Typed.GetValueOrDefault(a.Name, a.Name)), .. command.Options.Where(o => o.Required).Select(o => $"{o.Name} x")]);
        return command.Subcommands.Count == 0 ? [self] : command.Subcommands.SelectMany(c => Leaves(c, $"{typed} {c.Name}".Trim()));
    }
}

[CollectionDefinition("other systems", DisableParallelization = true)]
public sealed class OtherSystemsAlone;
