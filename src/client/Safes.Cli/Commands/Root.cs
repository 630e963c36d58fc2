using System.CommandLine;

namespace Safes.Cli.Commands;

/// <summary>All commands of `safe`.</summary>
internal static class Root
{
    /// <summary>Words are what was typed: none is the name of a file that holds more of them (`@file`), and one with a dash is an option until `--`.</summary>
    public static ParseResult Parse(IReadOnlyList<string> typed) => Create().Parse(typed, new ParserConfiguration { ResponseFileTokenReplacer = null });

    public static RootCommand Create()
    {
        var root = new RootCommand("Work in a safe: one team's protected workspace on a server of its own.")
        {
            IdCommand.Create(),
            JoinCommand.Create(),
            OpenCommand.Create(),
            StatusCommand.Create(),
            LeaveCommand.Create(),
            HostCommand.Create(),
            PutCommand.Create(),
            GetCommand.Create(),
            OutCommand.Create(),
            MemberCommand.Create(),
            RuleCommand.Create(),
            SshCommand.Create(),
            SshConfigCommand.Create(),
            ForwardCommand.Create(),
            NetCommand.Create(),
            VpnCommand.Create(),
            DoctorCommand.Create(),
            CompletionCommand.Create(),
            SessionCommand.Create(),
            ManualCommand.Create(),
            SelfTestCommand.Create(),
        }.With("safe id --name anna", "safe join ledger.safeaddress", "safe open", "ssh desk.ledger", "safe leave");
        root.Options.Add(Common.Json);
        root.Options.Add(Common.Verbose);
        root.Options.Add(Common.Safe);
        root.Options.Add(Common.PasswordDescriptor);
        Examples.ShowIn(root);
        return root;
    }
}
