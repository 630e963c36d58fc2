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
    private static readonly string[] Handed = ["HOME", "PATH", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DOTNET_ROOT", "TZ", "TMPDIR"];

    /// <param name="profile">Of which safe.</param>
    /// <param name="tell">Shows what the session reports.</param>
    /// <param name="askPassword">Asks the person; only called when the session says that all is well so far.</param>
    /// <exception cref="FaultException">Why it could not be opened.</exception>
    public static async Task RunAsync(SafeProfile profile, Action<Report> tell, Func<Task<SecretBuffer>> askPassword, CancellationToken stop)
    {
        profile.Places.MakeRuntime();
        PrivateFile.MakeDirectory(profile.RuntimeDirectory);
        await using var password = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None);
        await using var reports = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        string? terminal = OriginTerminal.Find();
        string[] arguments = ["session", "--safe", profile.Name, .. terminal is null ? Array.Empty<string>() : ["--terminal", terminal]];
        using var child = Child.Start(new ChildStart(Environment.ProcessPath!, arguments)
        {
            Descriptors = [password.ClientSafePipeHandle, reports.ClientSafePipeHandle],
            LogFile = Path.Combine(profile.RuntimeDirectory, "session.log"),
            Environment = Handed.Select(name => (Name: name, Value: Environment.GetEnvironmentVariable(name))).Where(e => e.Value is not null)
                .ToDictionary(e => e.Name, e => e.Value!),
        });
        password.DisposeLocalCopyOfClientHandle();
        reports.DisposeLocalCopyOfClientHandle();
        if (await ReportLines.FollowAsync(reports, tell, askPassword, typed => SessionPipes.Send(password.SafePipeHandle, typed), stop).ConfigureAwait(false))
        {
            return;
        }

        throw new FaultException(
            FaultCodes.Internal, ("what", $"the session's process ended without a word; see {Path.Combine(profile.RuntimeDirectory, "session.log")}"));
    }
}
