using System.Runtime.InteropServices;
using Safes.Contracts;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Cli.Terminal;

/// <summary>Reads one line of secret bytes, one by one: nothing that follows it is taken away.</summary>
internal static class PasswordBytes
{
    public const int Most = 1024;

    /// <summary>The line without its end; null when it is empty.</summary>
    public static SecretBuffer? ReadLine(SafeHandle from)
    {
        using var buffer = SecretBuffer.Allocate(Most);
        using var bytes = buffer.Borrow();
        int length = 0;
        Span<byte> one = stackalloc byte[1];
        while (Unistd.Read(from, one) == 1 && one[0] != '\n')
        {
            if (length == Most)
            {
                throw new FaultException(FaultCodes.Usage, ("what", $"a password has at most {Most} bytes"));
            }

            bytes.Span[length++] = one[0];
            one[0] = 0;
        }

        return length == 0 ? null : SecretBuffer.Take(bytes.Span[..length]);
    }

    /// <summary>How many characters a password in UTF-8 has: every byte but those that continue one.</summary>
    public static int Characters(SecretBuffer password)
    {
        using var bytes = password.Borrow();
        int count = 0;
        foreach (byte b in bytes.Span)
        {
            count += (b & 0xC0) == 0x80 ? 0 : 1;
        }

        return count;
    }
}
