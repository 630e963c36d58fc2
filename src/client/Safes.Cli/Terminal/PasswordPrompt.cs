using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Cli.Terminal;

/// <summary>
/// Asks for a password at the terminal. The kernel edits the line, nothing is shown, and what was typed goes from read(2)
/// straight into locked memory. The terminal is put back on every way out: Enter, Ctrl-C, SIGTERM, SIGHUP, Ctrl-Z.
/// </summary>
internal sealed class PasswordPrompt(Interruption interruption)
{
    /// <exception cref="FaultException">no-password: no terminal, or nothing was typed, or not in time.</exception>
    /// <exception cref="OperationCanceledException">The person gave up.</exception>
    public async Task<SecretBuffer> AskAsync(string question, TimeSpan? limit = null)
    {
        using var tty = Open();
        byte[] shown = Encoding.UTF8.GetBytes(question);
        var before = Termios.Get(tty);
        void Restore(bool dropTyped = false)
        {
            try
            {
                if (dropTyped)
                {
                    Termios.Hide(tty, before);    // what was half typed would be the shell's next line
                }

                Termios.Set(tty, before);
            }
            catch (Exception e) when (e is LinuxException or ObjectDisposedException)
            {
                // The terminal has gone; there is nothing to put back.
            }
        }

        void Hide()
        {
            Termios.Hide(tty, before);
            Unistd.Write(tty, shown);
        }

        // Between asking to be stopped and being stopped a thread may run on: the question is asked again by SIGCONT alone.
        using var suspended = PosixSignalRegistration.Create(PosixSignal.SIGTSTP, c =>
        {
            c.Cancel = true;
            Restore();
            SignalNumbers.StopSelf();
        });
        using var continued = PosixSignalRegistration.Create(PosixSignal.SIGCONT, c =>
        {
            c.Cancel = true;    // else the runtime puts the terminal back to what it believes to be right
            if (!interruption.Token.IsCancellationRequested && !tty.IsClosed)
            {
                Hide();
            }
        });
        interruption.Restore = () => Restore(dropTyped: true);
        try
        {
            interruption.Token.ThrowIfCancellationRequested();
            Hide();
            // The read cannot be cancelled. When the person gives up it stays behind on its thread, and the program ends.
            var line = ReadAsync(tty);
            return await line.WaitAsync(limit ?? Timeout.InfiniteTimeSpan, interruption.Token).ConfigureAwait(false)
                ?? throw new FaultException(FaultCodes.NoPassword, ("what", "no password was typed"));
        }
        catch (TimeoutException)
        {
            Restore(dropTyped: true);
            Unistd.Write(tty, "\n"u8);
            throw new FaultException(FaultCodes.NoPassword, ("what", $"no password was typed within {Client.Reports.Ages.Words(limit!.Value)}"));
        }
        catch (OperationCanceledException)
        {
            Restore(dropTyped: true);
            Unistd.Write(tty, "\n"u8);
            throw;
        }
        finally
        {
            Restore();
            interruption.Restore = null;
        }
    }

    private static SafeFileHandle Open()
    {
        try
        {
            return Fcntl.Open("/dev/tty", Fcntl.ReadWrite);
        }
        catch (LinuxException)
        {
            throw new FaultException(FaultCodes.NoPassword);
        }
    }

    private static Task<SecretBuffer?> ReadAsync(SafeFileHandle tty)
    {
        var read = new TaskCompletionSource<SecretBuffer?>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                read.SetResult(PasswordBytes.ReadLine(tty));
            }
            catch (Exception e)
            {
                read.SetException(e is LinuxException ? new OperationCanceledException("The terminal has gone.") : e);
            }
        })
        { IsBackground = true, Name = "password" }.Start();
        return read.Task;
    }
}
