namespace Safes.Tests;

/// <summary>Bytes in a form that can be told without being found where they are looked for.</summary>
internal static class Masked
{
    private const byte Mask = 0xa5;

    public static string Text(ReadOnlySpan<byte> bytes)
    {
        Span<char> text = stackalloc char[2 * bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            ((byte)(bytes[i] ^ Mask)).TryFormat(text[(2 * i)..], out _, "x2", System.Globalization.CultureInfo.InvariantCulture);
        }

        return new string(text);
    }

    public static byte[] Unmask(string text) => [.. Convert.FromHexString(text).Select(b => (byte)(b ^ Mask))];
}
