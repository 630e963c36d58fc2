using System.Text;
using Safes.Secrets;

namespace Safes.Keys.Tests;

/// <summary>Between test data and locked memory.</summary>
internal static class Secret
{
    public static SecretBuffer Of(ReadOnlySpan<byte> bytes) => SecretBuffer.Take(bytes.ToArray());

    public static SecretBuffer Of(string text) => Of(Encoding.UTF8.GetBytes(text));

    public static SecretBuffer FromHex(string hex) => Of(Convert.FromHexString(hex));

    public static byte[] Reveal(SecretBuffer secret)
    {
        using var lease = secret.Borrow();
        return lease.Span.ToArray();
    }
}
