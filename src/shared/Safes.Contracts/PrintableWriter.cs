using System.Text;

namespace Safes.Contracts;

/// <summary>
/// What a program puts in the place of its standard output and error: whatever is written, by whom ever, passes <see cref="Printable"/>. So
/// nothing depends on each message's having thought of it; what must not begin a line of its own is still cleaned where it is put in.
/// </summary>
public sealed class PrintableWriter(TextWriter inner) : TextWriter
{
    private readonly Lock writing = new();
    private char half;

    public override Encoding Encoding => inner.Encoding;

    /// <summary>Both streams of this process, from now on.</summary>
    public static void Install()
    {
        Console.SetOut(new PrintableWriter(Console.Out) { NewLine = "\n" });
        Console.SetError(new PrintableWriter(Console.Error) { NewLine = "\n" });
    }

    /// <summary>Sequences of our own, such as colours.</summary>
    public void WriteOwn(string sequence)
    {
        lock (writing)
        {
            inner.Write(sequence);
        }
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    public override void Write(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return;
        }

        lock (writing)
        {
            // A character beyond 16 bits may come in two writes.
            string text = half == default ? value : half + value;
            half = char.IsHighSurrogate(text[^1]) ? text[^1] : default;
            inner.Write(Printable.Text(half == default ? text : text[..^1]));
        }
    }

    public override void WriteLine(string? value) => Write(value + "\n");

    public override void Flush() => inner.Flush();

    public override Task FlushAsync() => inner.FlushAsync();
}
