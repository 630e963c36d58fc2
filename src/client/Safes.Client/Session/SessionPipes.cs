using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Reports;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Session;

/// <summary>
/// The session's end of the two pipes to the command that started it: the password comes in by one, reports go out by the other.
/// When the command goes before the safe is open, what was begun is given up.
/// </summary>
internal sealed class SessionPipes : IDisposable
{
    private readonly SafeFileHandle input, output;
    private readonly TaskCompletionSource<SecretBuffer> password = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource gone = new();
    private readonly Lock writing = new();

    internal SessionPipes(SafeFileHandle input, SafeFileHandle output)
    {
        (this.input, this.output) = (input, output);
        new Thread(Read) { IsBackground = true, Name = "starter" }.Start();
    }

    /// <summary>Cancelled when the command that started the session has gone.</summary>
    internal CancellationToken StarterGone => gone.Token;

    internal Task<SecretBuffer> AskPasswordAsync(string safe)
    {
        Tell(new Report(ReportKind.Password, safe));
        return password.Task.WaitAsync(gone.Token);
    }

    internal void Tell(Report report)
    {
        byte[] line = [.. System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.Report), (byte)'\n'];
        lock (writing)
        {
            try
            {
                if (!output.IsClosed)
                {
                    Unistd.Write(output, line);
                }
            }
            catch (LinuxException)
            {
                gone.Cancel();
            }
        }
    }

    /// <summary>Sends a password to a session.</summary>
    internal static void Send(System.Runtime.InteropServices.SafeHandle to, SecretBuffer password)
    {
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)password.Length);
        using var bytes = password.Borrow();
        Unistd.Write(to, length);
        Unistd.Write(to, bytes.Span);
    }

    /// <summary>The safe is open: whether the command stays or goes does not matter any more.</summary>
    internal void Detach()
    {
        lock (writing)
        {
            output.Dispose();
        }
    }

    public void Dispose() => Detach();

    private void Read()
    {
        try
        {
            Span<byte> length = stackalloc byte[2];
            if (Fill(length))
            {
                var secret = SecretBuffer.Allocate(Math.Max(1, (int)BinaryPrimitives.ReadUInt16LittleEndian(length)));
                using var bytes = secret.Borrow();
                if (Fill(bytes.Span) && password.TrySetResult(secret))
                {
                    Fill(length);   // nothing more is sent: this returns when the command has gone
                }
            }
        }
        catch (LinuxException)
        {
            // As good as gone.
        }

        gone.Cancel();
        input.Dispose();
    }

    private bool Fill(Span<byte> to)
    {
        while (!to.IsEmpty)
        {
            int n = Unistd.Read(input, to);
            if (n == 0)
            {
                return false;
            }

            to = to[n..];
        }

        return true;
    }
}
