using System.Globalization;
using System.Text;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Hypervisor.Airlocks;

/// <summary>log/out of the volume: one line for each step, in one form, durable before the step is taken.</summary>
public sealed class OutLog(FileTree root)
{
    private const string Name = "out";
    private const uint Private = 0x1c0;

    private static readonly FilePath Place = FilePath.Parse("log");

    private readonly Lock gate = new();

    public void Write(DateTimeOffset now, ulong number, string what, Visitor by, params ReadOnlySpan<(string Name, byte[] Value)> facts)
    {
        var line = new StringBuilder(now.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
        line.Append(CultureInfo.InvariantCulture, $" {number} {what} member={Plain(by.Member.Name)} device={Plain(by.Device)}");
        foreach (var (name, value) in facts)
        {
            line.Append(CultureInfo.InvariantCulture, $" {name}={Plain(value)}");
        }

        lock (gate)
        {
            using var directory = root.MakeDirectories(Place, Private);
            using var file = Fcntl.OpenBeneath(directory, RawPath.Of(Name), Fcntl.WriteOnly | Fcntl.Append | Fcntl.Create | Fcntl.NoFollow | Fcntl.NonBlock, 0x180);
            Unistd.Write(file, Encoding.ASCII.GetBytes(line.Append('\n').ToString()));
            Fcntl.Sync(file);
            Fcntl.Sync(directory);
        }
    }

    /// <summary>A text as a fact's value.</summary>
    internal static byte[] Text(string value) => Encoding.UTF8.GetBytes(value);

    /// <summary>Line by line, as it is taken.</summary>
    public IEnumerable<string> Read()
    {
        if (root.Find(Place.Below(Encoding.ASCII.GetBytes(Name))) is null)
        {
            yield break;
        }

        using var reader = new StreamReader(new FileStream(root.OpenFile(Place.Below(Encoding.ASCII.GetBytes(Name))), FileAccess.Read), Encoding.ASCII);
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    /// <summary>A line without what a host has chosen: names, lengths and digests are data that nobody has let out.</summary>
    internal static string Bare(string line) => string.Join(' ', line.Split(' ').Where(w => !HostsOwn.Any(name => w.StartsWith(name, StringComparison.Ordinal))));

    private static readonly string[] HostsOwn = ["files=", "bytes=", "digest=", "sha256=", "file="];

    /// <summary>Letters, digits and a few signs as they are, all other bytes as %XX: a value is one word, and what it was can be read back.</summary>
    private static string Plain(ReadOnlySpan<byte> bytes)
    {
        var plain = new StringBuilder();
        foreach (byte b in bytes)
        {
            _ = char.IsAsciiLetterOrDigit((char)b) || "._-/:,".Contains((char)b, StringComparison.Ordinal) ? plain.Append((char)b) : plain.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        return plain.ToString();
    }

    private static string Plain(string text) => Plain(Text(text));
}
