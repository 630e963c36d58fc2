using System.CommandLine;
using Safes.Cli;
using Safes.Cli.Commands;
using Safes.Contracts;
using Safes.Linux;

PrintableWriter.Install();
if (Elsewhere.IsHere)
{
    // Before anything secret is in memory: no core dump, no ptrace by the same user.
    Hardening.Apply();
}

// Signals are ours (Interruption): the terminal is put back, and the end comes within a second.
return await Root.Create().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
