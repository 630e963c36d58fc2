using System.Text;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Cli.Terminal;

/// <summary>Has a person compare a fingerprint; scripts give it, or say yes.</summary>
internal static class Confirmation
{
    /// <exception cref="FaultException">not-confirmed.</exception>
    public static async Task FingerprintAsync(Invocation run, string what, string actual, string? given, bool yes)
    {
        if (given is not null)
        {
            if (!string.Equals(Plain(given), Plain(actual), StringComparison.OrdinalIgnoreCase))
            {
                throw new FaultException(FaultCodes.NotConfirmed, ("what", $"the fingerprint is {actual}, not {given}"));
            }

            return;
        }

        if (yes)
        {
            run.Screen.Say($"{what}, fingerprint {actual}");
            return;
        }

        if (!await AskAsync(run, $"{what}, fingerprint {actual}: is this what you were told? [y/N] ").ConfigureAwait(false))
        {
            throw new FaultException(FaultCodes.NotConfirmed);
        }
    }

    /// <summary>A yes at the terminal; anything else is a no.</summary>
    /// <param name="without">How to answer where there is no terminal.</param>
    public static async Task<bool> AskAsync(Invocation run, string question, string without = "--fingerprint F, or --yes when it was compared already") =>
        (await ReadAsync(run, question, without).ConfigureAwait(false)).Trim().ToUpperInvariant() is "Y" or "YES";

    /// <summary>Goes on where <paramref name="agreed"/> (the command's --yes), or after a yes at the terminal.</summary>
    /// <exception cref="FaultException">not-confirmed: a no, or there is no terminal to ask at.</exception>
    public static async Task RequireAsync(Invocation run, bool agreed, string question)
    {
        run.Screen.Quiet();
        if (!agreed && !await AskAsync(run, question, "--yes").ConfigureAwait(false))
        {
            throw new FaultException(FaultCodes.NotConfirmed, ("what", "it was not confirmed"), ("hint", "--yes"));
        }
    }

    /// <summary>What is typed at the terminal.</summary>
    /// <inheritdoc cref="AskAsync" path="/param"/>
    /// <exception cref="FaultException">not-confirmed: there is no terminal.</exception>
    public static async Task<string> ReadAsync(Invocation run, string question, string without)
    {
        try
        {
            using var tty = Fcntl.Open("/dev/tty", Fcntl.ReadWrite);
            Unistd.Write(tty, Encoding.UTF8.GetBytes(Printable.Line(question)));
            var answer = Task.Run(() => ReadLine(tty));
            return await answer.WaitAsync(run.Stop).ConfigureAwait(false);
        }
        catch (LinuxException)
        {
            throw new FaultException(
                FaultCodes.NotConfirmed, ("what", "there is no terminal to ask at"), ("hint", without));
        }
    }

    private static string Plain(string fingerprint) => fingerprint.Replace("-", "", StringComparison.Ordinal).Trim();

    private static string ReadLine(Microsoft.Win32.SafeHandles.SafeFileHandle tty)
    {
        Span<byte> line = stackalloc byte[256];
        int n = Unistd.Read(tty, line);
        return Encoding.UTF8.GetString(line[..n]);
    }
}
