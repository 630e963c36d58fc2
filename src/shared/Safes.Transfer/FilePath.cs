using System.Text;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Transfer;

/// <summary>
/// A path below some directory, as bytes: hosts and devices name files in whatever encoding and form they like, and it stays theirs. The
/// directory itself has the empty path.
/// </summary>
public sealed class FilePath : IEquatable<FilePath>
{
    /// <summary>The longest name and path that Linux takes, and how deep we go.</summary>
    public const int LongestName = 255, LongestPath = 4095, Deepest = 100;

    private readonly byte[][] names;

    private FilePath(byte[][] names) => this.names = names;

    public static FilePath Root { get; } = new([]);

    public bool IsRoot => names.Length == 0;

    public int Depth => names.Length;

    public ReadOnlySpan<byte> Bytes => IsRoot ? [] : Join();

    /// <summary>The last name.</summary>
    public RawPath Name => new(names[^1]);

    public FilePath Parent => new(names[..^1]);

    /// <exception cref="FaultException">file-name, with why.</exception>
    public static FilePath Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return Root;
        }

        if (bytes.Length > LongestPath)
        {
            throw Refused(bytes, "longer than 4095 bytes");
        }

        List<byte[]> names = [];
        foreach (var part in bytes.Split((byte)'/'))
        {
            names.Add(Checked(bytes[part]));
        }

        return names.Count <= Deepest ? new FilePath([.. names]) : throw Refused(bytes, "deeper than 100 directories");
    }

    /// <exception cref="FaultException">file-name, with why.</exception>
    public static FilePath Parse(string text) => Parse(Encoding.UTF8.GetBytes(text));

    /// <exception cref="FaultException">file-name: the name, or the path that comes of it, is too long or too deep.</exception>
    public FilePath Below(ReadOnlySpan<byte> name)
    {
        var below = new FilePath([.. names, Checked(name)]);
        return below.Depth <= Deepest && below.names.Sum(n => n.Length + 1) - 1 <= LongestPath
            ? below : throw Refused(name, below.Depth <= Deepest ? "its path is longer than 4095 bytes" : "deeper than 100 directories");
    }

    public FilePath Below(FilePath other) => other.names.Aggregate(this, (path, name) => path.Below(name));

    /// <summary>Whether it is that path or lies below it.</summary>
    public bool IsBelow(FilePath other) => Depth >= other.Depth && other.Equals(new FilePath(names[..other.Depth]));

    /// <summary>What of the path is behind one that it lies below.</summary>
    public FilePath From(FilePath other) => new(names[other.Depth..]);

    public RawPath ToRaw() => IsRoot ? RawPath.Of(".") : new RawPath(Join());

    public bool Equals(FilePath? other) => other is not null && Bytes.SequenceEqual(other.Bytes);

    public override bool Equals(object? obj) => Equals(obj as FilePath);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>For people: what is not UTF-8 in it is marked. Not yet fit for a terminal.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Bytes);

    private static byte[] Checked(ReadOnlySpan<byte> name) =>
        name.IsEmpty || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8) ? throw Refused(name, "'', '.' and '..' are no names")
        : name.Length > LongestName ? throw Refused(name, "a name longer than 255 bytes")
        : name.ContainsAny((byte)0, (byte)'/') ? throw Refused(name, "a zero or slash in a name")
        : name.ToArray();

    private static FaultException Refused(ReadOnlySpan<byte> path, string why) =>
        new(FaultCodes.FileName, ("file", Encoding.UTF8.GetString(path[..Math.Min(path.Length, 300)])), ("why", why));

    private byte[] Join()
    {
        byte[] joined = new byte[names.Sum(n => n.Length + 1) - 1];
        int at = 0;
        foreach (byte[] name in names)
        {
            if (at > 0)
            {
                joined[at++] = (byte)'/';
            }

            name.CopyTo(joined, at);
            at += name.Length;
        }

        return joined;
    }
}
