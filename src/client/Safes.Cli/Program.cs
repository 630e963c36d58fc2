using System.CommandLine;
using Safes.Cli;
using Safes.Cli.Commands;
using Safes.Cli.Explaining;
using Safes.Contracts;
using Safes.Linux;

PrintableWriter.Install();
if (Elsewhere.IsHere)
{
    // Before anything secret is in memory: no core dump, no ptrace by the same user.
    Hardening.Apply();
}

var parsed = Root.Parse(args);
if (Misuse.NamesNoCommand(parsed))
{
    await Root.Parse([.. args, "--help"]).InvokeAsync(new InvocationConfiguration { Output = Console.Error });
    return FaultCodes.Usage.Exit;
}

if (Misuse.Of(parsed, args) is { } misuse)
{
    Console.Error.Write(Explain.Text(misuse, null, args.Contains("--json")));
    return misuse.Code.Exit;
}

// Signals are ours (Interruption): the terminal is put back, and the end comes within a second.
return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
