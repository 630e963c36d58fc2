using System.Net.Sockets;
using System.Text;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>
/// The socket at which a session's process is asked things by the same person's commands. It lies in a directory that nobody
/// else may enter, and answers nobody but processes of the same user.
/// </summary>
internal sealed class SessionDoor : IDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly PrivateDirectory directory;
    private readonly string name;
    private readonly ulong inode;

    /// <summary>Takes the place of a socket that a session of before has left.</summary>
    /// <exception cref="FaultException">unsafe-permissions: its directory is not this user's alone.</exception>
    internal SessionDoor(string path)
    {
        name = Path.GetFileName(path);
        directory = PrivateDirectory.Make(Path.GetDirectoryName(path)!);
        try
        {
            // .NET takes the name that it bound away with the socket, whoever has it by then: it is given one that nobody else has.
            string bound = directory.At($".{Guid.NewGuid():n}");
            listener.Bind(new UnixDomainSocketEndPoint(bound));
            File.SetUnixFileMode(bound, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            listener.Listen();
            File.Move(bound, directory.At(name), overwrite: true);
            inode = Stat.Find(directory.Handle, name)?.Inode ?? 0;
        }
        catch
        {
            listener.Dispose();
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Whether who looks for it finds it.</summary>
    internal bool IsInPlace => directory.IsInPlace && Stat.Find(directory.Handle, name)?.Inode == inode;

    /// <summary>Answers visitors until <paramref name="gone"/>, those who are in by then until <paramref name="stop"/>.</summary>
    internal async Task ServeAsync(Func<string, SessionVisitor, CancellationToken, Task> answer, CancellationToken gone, CancellationToken stop)
    {
        while (!gone.IsCancellationRequested)
        {
            Socket visitor;
            try
            {
                visitor = await listener.AcceptAsync(gone).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            if (Rights.PeerOf(visitor)?.User == Unistd.EffectiveUser)
            {
                _ = ReceiveAsync(visitor, answer, stop);
            }
            else
            {
                visitor.Dispose();
            }
        }
    }

    /// <summary>Takes its own socket away, and no other that has its name by now.</summary>
    public void Dispose()
    {
        listener.Dispose();
        if (Stat.Find(directory.Handle, name)?.Inode == inode)
        {
            Unistd.Unlink(directory.Handle, name);
        }

        directory.Dispose();
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
