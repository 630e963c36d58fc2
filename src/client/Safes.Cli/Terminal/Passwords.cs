using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Keys;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Cli.Terminal;

/// <summary>Where passwords come from: the terminal, or a descriptor given with --password-fd. Never arguments or environment.</summary>
internal sealed class Passwords(int? descriptor, Interruption interruption)
{
    private const int Fewest = 10;

    /// <summary>Asks once. Where passwords would come out otherwise than on other computers, none is asked.</summary>
    public async Task<SecretBuffer> AskAsync(string safe, TimeSpan? limit = null)
    {
        if (!PasswordText.IsSupported)
        {
            throw new FaultException(FaultCodes.NoUnicode);
        }

        return descriptor is { } number
            ? FromDescriptor(number)
            : await new PasswordPrompt(interruption).AskAsync($"Password for '{Printable.Line(safe)}': ", limit).ConfigureAwait(false);
    }

    /// <summary>Asks for a new one, at a terminal twice.</summary>
    public async Task<SecretBuffer> AskNewAsync(string safe)
    {
        if (!PasswordText.IsSupported)
        {
            throw new FaultException(FaultCodes.NoUnicode);
        }

        var prompt = new PasswordPrompt(interruption);
        var first = descriptor is { } number
            ? FromDescriptor(number)
            : await prompt.AskAsync($"A password for '{Printable.Line(safe)}' on this device: ").ConfigureAwait(false);
        try
        {
            if (PasswordBytes.Characters(first) < Fewest)
            {
                throw new FaultException(FaultCodes.NoPassword, ("what", $"that password is too short: {Fewest} characters at least, better a few words"));
            }

            if (descriptor is null)
            {
                using var second = await prompt.AskAsync("Again: ").ConfigureAwait(false);
                if (first.Length != second.Length || !first.ContentEquals(second))
                {
                    throw new FaultException(FaultCodes.NoPassword, ("what", "the two passwords differ"));
                }
            }

            return first;
        }
        catch
        {
            first.Dispose();
            throw;
        }
    }

    private static SecretBuffer FromDescriptor(int number)
    {
        try
        {
            using var handle = new SafeFileHandle(number, ownsHandle: true);
            return PasswordBytes.ReadLine(handle) ?? throw new FaultException(FaultCodes.NoPassword, ("what", $"descriptor {number} gave no password"));
        }
        catch (LinuxException)
        {
            throw new FaultException(FaultCodes.NoPassword, ("what", $"descriptor {number} cannot be read"));
        }
    }
}
