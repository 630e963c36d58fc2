using System.Net.Sockets;
using System.Text;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Contracts;

namespace Safes.Client.Session;

/// <summary>
/// The socket at which a session's process is asked things by the same person's commands. It lies in a directory that nobody
/// else may enter, and it is the lock: one session of a safe for each device.
/// </summary>
internal sealed class SessionDoor : IDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string path;

    private SessionDoor(string path)
    {
        this.path = path;
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
    }

    /// <exception cref="FaultException">usage: another session's process has it.</exception>
    internal static async Task<SessionDoor> OpenAsync(string path, CancellationToken stop)
    {
        PrivateFile.MakeDirectory(Path.GetDirectoryName(path)!);
        if (await new SessionLink(path).IsAliveAsync(stop).ConfigureAwait(false))
        {
            throw new FaultException(FaultCodes.Usage, ("what", "another session of this device is there already"));
        }

        File.Delete(path);
        return new SessionDoor(path);
    }

    /// <summary>Answers visitors until <paramref name="stop"/>.</summary>
    internal async Task ServeAsync(Func<string, SessionVisitor, CancellationToken, Task> answer, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            Socket visitor;
            try
            {
                visitor = await listener.AcceptAsync(stop).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = ReceiveAsync(visitor, answer, stop);
        }
    }

    public void Dispose()
    {
        listener.Dispose();
        File.Delete(path);
    }

    private static async Task ReceiveAsync(
        Socket visitor, Func<string, SessionVisitor, CancellationToken, Task> answer, CancellationToken stop)
    {
        await using var stream = new NetworkStream(visitor, ownsSocket: true);
        try
        {
            if (await ReportLines.ReadLineAsync(stream, stop).ConfigureAwait(false) is not { } line)
            {
                return;
            }

            await answer(Encoding.UTF8.GetString(line), new SessionVisitor(visitor, stream), stop).ConfigureAwait(false);
        }
        catch (FaultException e)
        {
            await TryWriteAsync(stream, Report.Failure(e)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
        {
            // The visitor has gone, or the session ends.
        }
        catch (Exception e)
        {
            await TryWriteAsync(stream, Report.Failure(new FaultException(FaultCodes.Internal, ("what", $"{e.GetType().Name}: {e.Message}")))).ConfigureAwait(false);
        }
    }

    private static async Task TryWriteAsync(Stream to, Report report)
    {
        try
        {
            await ReportLines.WriteAsync(to, report, CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // Nobody reads it any more.
        }
    }
}
