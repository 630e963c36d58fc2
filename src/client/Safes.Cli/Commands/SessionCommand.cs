using System.CommandLine;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Session;

namespace Safes.Cli.Commands;

/// <summary>The resident part. `safe open` starts it; nobody types it.</summary>
internal static class SessionCommand
{
    private const int PasswordPipe = 3, ReportPipe = 4;

    public static Command Create()
    {
        var terminal = new Option<string?>("--terminal") { HelpName = "PATH" };
        return new Command("session", "The resident part of an open safe.") { Hidden = true, Options = { terminal } }.Does(async run =>
        {
            // It says goodbye to the server before it ends.
            run.Interruption.Patience = TimeSpan.FromSeconds(20);
            using var profile = run.OpenProfile();
            using var session = new ResidentSession(profile, run.Get(terminal));
            await session.RunAsync(new SafeFileHandle(PasswordPipe, true), new SafeFileHandle(ReportPipe, true), run.Stop).ConfigureAwait(false);
        });
    }
}
