using System.IO.Pipes;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Session;

/// <summary>Starts a session's process and stays with it until the safe is open.</summary>
public static class SessionStart
{
    private static readonly string[] Handed = ["HOME", "PATH", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "DOTNET_ROOT", "TZ", "TMPDIR"];

    /// <summary>From the end of its pipe to its own.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    /// <param name="profile">Of which safe.</param>
    /// <param name="tell">Shows what the session reports.</param>
    /// <param name="askPassword">Asks the person; only called when the session says that all is well so far.</param>
    /// <exception cref="FaultException">Why it could not be opened; opening-lost: the session's process ended without a word.</exception>
    public static Task RunAsync(SafeProfile profile, Action<Report> tell, Func<Task<SecretBuffer>> askPassword, CancellationToken stop) =>
        RunAsync(Environment.ProcessPath!, profile, tell, askPassword, stop);

    /// <param name="program">What is started as `safe session`; tests have their own.</param>
    internal static async Task RunAsync(
        string program, SafeProfile profile, Action<Report> tell, Func<Task<SecretBuffer>> askPassword, CancellationToken stop)
    {
        PrivateFile.MakeDirectory(profile.SessionDirectory);
        await using var password = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None);
        await using var reports = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        string log = Path.Combine(profile.SessionDirectory, "session.log");
        string? terminal = OriginTerminal.Find();
        string[] arguments = ["session", "--safe", profile.Name, .. terminal is null ? Array.Empty<string>() : ["--terminal", terminal]];
        using var child = Child.Start(new ChildStart(program, arguments)
        {
            Descriptors = [password.ClientSafePipeHandle, reports.ClientSafePipeHandle],
            LogFile = log,
            Environment = Handed.Select(name => (Name: name, Value: Environment.GetEnvironmentVariable(name))).Where(e => e.Value is not null)
                .ToDictionary(e => e.Name, e => e.Value!),
        });
        password.DisposeLocalCopyOfClientHandle();
        reports.DisposeLocalCopyOfClientHandle();
        bool sent = false;
        void Send(SecretBuffer typed)
        {
            SessionPipes.Send(password.SafePipeHandle, typed);
            sent = true;
        }

        try
        {
            if (await ReportLines.FollowAsync(reports, tell, askPassword, Send, stop).ConfigureAwait(false))
            {
                return;
            }
        }
        catch (LinuxException e) when (e.Number == Errno.BrokenPipe)
        {
            // It had gone while the person typed.
        }

        throw new FaultException(FaultCodes.OpeningLost, ("sent", sent ? "yes" : ""), ("how", await HowAsync(child).ConfigureAwait(false)), ("log", log));
    }

    /// <summary>How a session's process ended that said nothing more.</summary>
    private static async Task<string> HowAsync(Child child) => await child.WaitAsync(EndLimit).ConfigureAwait(false) switch
    {
        null => "it closed its pipe and did not end",
        > 128 and int killed => $"it was ended by signal {killed - 128}{(killed - 128 == SignalNumbers.Kill ? ", as a person does, or a system that is out of memory" : "")}",
        int exit => $"its exit status was {exit}",
    };
}
