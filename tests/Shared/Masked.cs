namespace Safes.Tests;

/// <summary>Bytes in a form that can be told without being found where they are looked for.</summary>
internal static class Masked
{
    private const byte Mask = 0xa5;

    public static string Text(ReadOnlySpan<byte> bytes)
    {
        Span<byte> masked = stackalloc byte[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            masked[i] = (byte)(bytes[i] ^ Mask);
        }

        return Convert.ToHexStringLower(masked);
    }

    public static byte[] Unmask(string text) => [.. Convert.FromHexString(text).Select(b => (byte)(b ^ Mask))];
}
