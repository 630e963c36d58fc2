using System.Text;

namespace Safes.Linux;

/// <summary>A name or path as the kernel has it: bytes without a zero, in whatever encoding. What .NET's own calls take is text, and not every name is.</summary>
public readonly struct RawPath
{
    private readonly byte[]? terminated;

    /// <exception cref="ArgumentException">There is a zero in it, or nothing.</exception>
    public RawPath(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes.Contains((byte)0))
        {
            throw new ArgumentException("not a path", nameof(bytes));
        }

        terminated = [.. bytes, 0];
    }

    public ReadOnlySpan<byte> Bytes => Terminated[..^1];

    internal ReadOnlySpan<byte> Terminated => terminated ?? throw new InvalidOperationException("no path");

    public static RawPath Of(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>For people: what is not UTF-8 in it is marked.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Bytes);
}
