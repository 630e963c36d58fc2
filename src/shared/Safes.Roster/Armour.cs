using System.Security.Cryptography;
using System.Text;
using Safes.Keys;

namespace Safes.Roster;

/// <summary>
/// Ids and addresses as text that survives mail: base64 between a BEGIN and an END line, with the first 8 bytes of SHA-512 behind
/// the content so that damage in transit is named as such.
/// </summary>
internal static class Armour
{
    private const int ChecksumSize = 8, LineLength = 64, MostCharacters = 64 * 1024;

    public static string Write(string kind, ReadOnlySpan<byte> content)
    {
        string base64 = Convert.ToBase64String([.. content, .. SHA512.HashData(content)[..ChecksumSize]]);
        var text = new StringBuilder().Append("-----BEGIN ").Append(kind).Append("-----\n");
        foreach (char[] line in base64.Chunk(LineLength))
        {
            _ = text.Append(line).Append('\n');
        }

        return text.Append("-----END ").Append(kind).Append("-----\n").ToString();
    }

    /// <exception cref="MalformedException"><see cref="Flaw.Damaged"/>: cut, changed, or another kind of file.</exception>
    public static byte[] Read(string kind, string text)
    {
        string begin = $"-----BEGIN {kind}-----", end = $"-----END {kind}-----";
        if (text.Length > MostCharacters)
        {
            throw new MalformedException(Flaw.Damaged, kind);
        }

        string[] lines = text.Trim().Split('\n', StringSplitOptions.TrimEntries);
        if (lines.Length < 3 || lines[0] != begin || lines[^1] != end)
        {
            throw new MalformedException(Flaw.Damaged, lines[0].StartsWith("-----BEGIN SAFE ", StringComparison.Ordinal) && lines[0] != begin
                ? $"{kind} was expected, this is {lines[0].Trim('-')[6..]}"
                : kind);
        }

        string base64 = string.Concat(lines[1..^1]);
        byte[] bytes = new byte[base64.Length];
        if (!Convert.TryFromBase64String(base64, bytes, out int n) || n <= ChecksumSize || Convert.ToBase64String(bytes, 0, n) != base64
            || !SHA512.HashData(bytes.AsSpan(0, n - ChecksumSize)).AsSpan(0, ChecksumSize).SequenceEqual(bytes.AsSpan(n - ChecksumSize, ChecksumSize)))
        {
            throw new MalformedException(Flaw.Damaged, kind);
        }

        return bytes[..(n - ChecksumSize)];
    }
}
