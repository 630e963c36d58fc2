using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>UTF8(NFKC(password)), in locked memory throughout.</summary>
public static class PasswordText
{
    // U+FDFA becomes 18 characters, the most of any code point.
    private const int MostGrowth = 18;

    /// <summary>
    /// Whether this program can normalise at all: in invariant-globalization mode .NET returns its input and reports success.
    /// No password is to be asked for when it cannot.
    /// </summary>
    public static bool IsSupported { get; } = Probe();

    /// <exception cref="PasswordException">Not text, unassigned code points, or no Unicode data here.</exception>
    public static SecretBuffer Normalise(SecretBuffer passwordUtf8)
    {
        if (!IsSupported)
        {
            throw new PasswordException(PasswordFlaw.NoUnicode);
        }

        using var utf8 = passwordUtf8.Borrow();
        using var wide = SecretBuffer.Allocate(passwordUtf8.Length * sizeof(char));
        using var wideBytes = wide.Borrow();
        var typed = MemoryMarshal.Cast<byte, char>(wideBytes.Span);
        typed = typed[..Decode(utf8.Span, typed)];
        foreach (var rune in ((ReadOnlySpan<char>)typed).EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.OtherNotAssigned)
            {
                throw new PasswordException(PasswordFlaw.Unassigned);
            }
        }

        using var normal = SecretBuffer.Allocate(((typed.Length * MostGrowth) + 16) * sizeof(char));
        using var normalBytes = normal.Borrow();
        var form = MemoryMarshal.Cast<byte, char>(normalBytes.Span);
        if (!((ReadOnlySpan<char>)typed).TryNormalize(form, out int length, NormalizationForm.FormKC) || length == 0)
        {
            throw new PasswordException(PasswordFlaw.NotText);
        }

        form = form[..length];
        var result = SecretBuffer.Allocate(Encoding.UTF8.GetByteCount(form));
        using var bytes = result.Borrow();
        Encoding.UTF8.GetBytes(form, bytes.Span);
        return result;
    }

    private static int Decode(ReadOnlySpan<byte> utf8, Span<char> to)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetChars(utf8, to);
        }
        catch (DecoderFallbackException)
        {
            // Not kept as the inner exception: it quotes the bytes.
            throw new PasswordException(PasswordFlaw.NotText);
        }
    }

    private static bool Probe()
    {
        Span<char> to = stackalloc char[4];
        return "\uFB01".AsSpan().TryNormalize(to, out int n, NormalizationForm.FormKC) && to[..n] is "fi";
    }
}
