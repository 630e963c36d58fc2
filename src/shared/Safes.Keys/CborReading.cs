using System.Formats.Cbor;

namespace Safes.Keys;

/// <summary>The strict steps that the parsers of headers, rosters, ids and addresses share.</summary>
public static class CborReading
{
    /// <summary>Begins an array of exactly <paramref name="length"/> elements.</summary>
    public static void Array(this CborReader reader, int length)
    {
        if (reader.ReadStartArray() != length)
        {
            throw new MalformedException(Flaw.Damaged, $"an array of {length} elements was expected");
        }
    }

    /// <summary>Begins an array of <paramref name="length"/> elements, the first of them a label such as "safes/1/id".</summary>
    public static void LabelledArray(this CborReader reader, string label, int length)
    {
        int? found = reader.ReadStartArray();
        reader.Label(label);
        if (found != length)
        {
            throw new MalformedException(Flaw.Damaged, $"'{label}' has {length} elements");
        }
    }

    /// <summary>Begins an array of any length up to <paramref name="most"/>.</summary>
    public static int ArrayUpTo(this CborReader reader, int most) => reader.ReadStartArray() is { } n && n <= most
        ? n
        : throw new MalformedException(Flaw.Damaged, $"an array of at most {most} elements was expected");

    public static byte[] Bytes(this CborReader reader, int length) => reader.ReadByteString() is var b && b.Length == length
        ? b
        : throw new MalformedException(Flaw.Damaged, $"{length} bytes were expected");

    public static byte[] BytesUpTo(this CborReader reader, int most) => reader.ReadByteString() is var b && b.Length <= most
        ? b
        : throw new MalformedException(Flaw.Damaged, $"at most {most} bytes were expected");

    /// <summary>Text without control characters.</summary>
    public static string Text(this CborReader reader, int most) => reader.ReadTextString() is var t && t.Length <= most && !t.Any(char.IsControl)
        ? t
        : throw new MalformedException(Flaw.Damaged, $"a text of at most {most} characters was expected");

    /// <summary>Reads a label, telling another version from damage.</summary>
    private static void Label(this CborReader reader, string expected)
    {
        string label = reader.Text(64);
        if (label != expected)
        {
            string[] found = label.Split('/'), wanted = expected.Split('/');
            bool other = found.Length == 3 && found[0] == wanted[0] && found[2] == wanted[2] && uint.TryParse(found[1], out _);
            throw new MalformedException(other ? Flaw.OtherVersion : Flaw.Damaged, $"'{expected}' was expected");
        }
    }
}
