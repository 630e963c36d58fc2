using System.CommandLine;
using Safes.Cli;
using Safes.Cli.Commands;
using Safes.Linux;

// Before anything secret is in memory: no core dump, no ptrace by the same user.
Hardening.Apply();

var root = new RootCommand("Work in a safe: one team's protected workspace on a server of its own.")
{
    IdCommand.Create(),
    JoinCommand.Create(),
    OpenCommand.Create(),
    StatusCommand.Create(),
    LeaveCommand.Create(),
    HostCommand.Create(),
    MemberCommand.Create(),
    SshCommand.Create(),
    SshConfigCommand.Create(),
    VpnCommand.Create(),
    SessionCommand.Create(),
    SelfTestCommand.Create(),
}.With("safe id --name anna", "safe join ledger.safeaddress", "safe open", "ssh desk.ledger", "safe leave");
root.Options.Add(Common.Json);
root.Options.Add(Common.Verbose);
root.Options.Add(Common.Safe);
root.Options.Add(Common.PasswordDescriptor);
Examples.ShowIn(root);

// Signals are ours (Interruption): the terminal is put back, and the end comes within a second.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
