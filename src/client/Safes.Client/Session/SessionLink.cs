using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Session;

/// <summary>What can be asked of a session's process; each is one line on its socket.</summary>
public static class SessionWords
{
    /// <summary>Values of the session.</summary>
    public const string Info = "info";

    /// <summary>Asks the server for the hosts again and rewrites ssh's snippet.</summary>
    public const string Refresh = "refresh";

    /// <summary>Puts a new session in the place of this one: the password is asked for and comes by the same socket.</summary>
    public const string Renew = "renew";

    /// <summary>Answered when the session ends.</summary>
    public const string Wait = "wait";

    /// <summary>Ends the session, step by step.</summary>
    public const string Leave = "leave";
}

/// <summary>The way from a command to the session that holds a safe open.</summary>
public sealed class SessionLink(string socketPath)
{
    /// <summary>Reports until the session has no more to say.</summary>
    /// <exception cref="FaultException">no-session, or the fault that the session reports.</exception>
    public async IAsyncEnumerable<Report> AskAsync(string word, [EnumeratorCancellation] CancellationToken stop)
    {
        await using var stream = new NetworkStream(await ConnectAsync(stop).ConfigureAwait(false), ownsSocket: true);
        await SayAsync(stream, word, stop).ConfigureAwait(false);
        while (await ReportLines.ReadAsync(stream, stop).ConfigureAwait(false) is { } report)
        {
            if (report.Kind is ReportKind.Failed)
            {
                throw report.ToFault();
            }

            yield return report;
        }
    }

    /// <summary>Has the session renewed: until it is, or was refused, in which case the one there is goes on.</summary>
    /// <exception cref="FaultException">no-session, or why not.</exception>
    public async Task RenewAsync(Action<Report> tell, Func<Task<SecretBuffer>> askPassword, CancellationToken stop)
    {
        using var socket = await ConnectAsync(stop).ConfigureAwait(false);
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        await SayAsync(stream, SessionWords.Renew, stop).ConfigureAwait(false);
        try
        {
            if (await ReportLines.FollowAsync(stream, tell, askPassword, typed => SessionVisitor.Send(socket, typed), stop).ConfigureAwait(false))
            {
                return;
            }
        }
        catch (SocketException)
        {
            // It had gone while the person typed.
        }

        throw new FaultException(FaultCodes.NoSession);
    }

    private static async Task SayAsync(NetworkStream to, string word, CancellationToken stop)
    {
        try
        {
            await to.WriteAsync(Encoding.UTF8.GetBytes(word + "\n"), stop).ConfigureAwait(false);
        }
        catch (IOException)
        {
            throw new FaultException(FaultCodes.NoSession);
        }
    }

    private async Task<Socket> ConnectAsync(CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            using var directory = PrivateDirectory.Open(Path.GetDirectoryName(socketPath)!);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(directory.At(Path.GetFileName(socketPath))), stop).ConfigureAwait(false);
            if (Rights.PeerOf(socket)?.User is var user && user != Unistd.EffectiveUser)
            {
                // Nothing is said to it, least of all a password.
                throw new FaultException(FaultCodes.UnsafePermissions, ("path", $"what listens at {socketPath}"), ("owner", $"{user}"));
            }

            return socket;
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is SocketException or FileNotFoundException)
            {
                throw new FaultException(FaultCodes.NoSession);
            }

            throw;
        }
    }
}
