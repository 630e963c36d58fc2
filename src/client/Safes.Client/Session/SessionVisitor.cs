using System.Buffers.Binary;
using System.Net.Sockets;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Secrets;

namespace Safes.Client.Session;

/// <summary>Who asked something at a session's door, and is answered in reports.</summary>
internal sealed class SessionVisitor(Socket socket, Stream stream)
{
    internal Task TellAsync(Report report) => ReportLines.WriteAsync(stream, report, CancellationToken.None);

    /// <summary>Tells a step; whoever does not listen any more misses it, and nothing else is given up for that.</summary>
    internal void Tell(Report report)
    {
        try
        {
            ReportLines.Write(stream, report);
        }
        catch (IOException)
        {
            // It has gone.
        }
    }

    /// <summary>Asks for the password of a safe.</summary>
    /// <exception cref="FaultException">no-password: none came in time.</exception>
    /// <exception cref="OperationCanceledException">The visitor has gone instead.</exception>
    internal async Task<SecretBuffer> AskPasswordAsync(string safe, TimeSpan limit, CancellationToken stop)
    {
        using var late = new CancellationTokenSource(limit);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, late.Token);
        await TellAsync(new Report(ReportKind.Password, safe)).ConfigureAwait(false);
        // Reading blocks a thread, so that the password goes from the kernel straight into locked memory.
        using var gone = either.Token.Register(() => socket.Shutdown(SocketShutdown.Receive));
        return await Task.Run(() => Receive(socket), CancellationToken.None).ConfigureAwait(false)
            ?? throw (late.IsCancellationRequested && !stop.IsCancellationRequested
                ? new FaultException(FaultCodes.NoPassword, ("what", $"no password was given within {limit.TotalMinutes:0} min; the session goes on as it was"))
                : new OperationCanceledException("The visitor has gone."));
    }

    internal static void Send(Socket to, SecretBuffer password)
    {
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)password.Length);
        to.Send(length);
        using var bytes = password.Borrow();
        for (int sent = 0; sent < bytes.Span.Length; sent += to.Send(bytes.Span[sent..]))
        {
        }
    }

    private static SecretBuffer? Receive(Socket from)
    {
        Span<byte> length = stackalloc byte[2];
        if (!Fill(from, length))
        {
            return null;
        }

        var secret = SecretBuffer.Allocate(Math.Max(1, (int)BinaryPrimitives.ReadUInt16LittleEndian(length)));
        using var bytes = secret.Borrow();
        if (Fill(from, bytes.Span))
        {
            return secret;
        }

        secret.Dispose();
        return null;
    }

    private static bool Fill(Socket from, Span<byte> to)
    {
        try
        {
            for (int n; !to.IsEmpty && (n = from.Receive(to)) > 0; to = to[n..])
            {
            }

            return to.IsEmpty;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
