using System.Globalization;

namespace Safes.Rules.Outside;

/// <summary>Where a rule leads: one name, every name below one, or a preset; and a port.</summary>
/// <param name="Name">As it stands in <see cref="AllowRule.To"/>.</param>
/// <param name="Port">0: those that are usual, <see cref="UsualPorts"/>.</param>
public sealed record Destination(string Name, int Port)
{
    public static IReadOnlyList<int> UsualPorts { get; } = [80, 443];

    private const int LongestName = 253, LongestLabel = 63;

    /// <summary>
    /// Reads "git.example.org", "git.example.org:443", "*.example.org", "pypi" or "@pypi". Whatever another program might take for something
    /// else than this one does is refused.
    /// </summary>
    /// <exception cref="DestinationException">It is none.</exception>
    public static Destination Parse(string text)
    {
        if (text.Contains("://", StringComparison.Ordinal))
        {
            throw new DestinationException(DestinationFlaw.Url, text, Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.HostNameType is UriHostNameType.Dns ? $"{uri.IdnHost}:{uri.Port}" : "");
        }

        int colon = text.LastIndexOf(':');
        if (text.Contains('[', StringComparison.Ordinal) || text.IndexOf(':', StringComparison.Ordinal) != colon)
        {
            throw new DestinationException(DestinationFlaw.Address, text);
        }

        int port = colon < 0 ? 0 : PortOf(text, text[(colon + 1)..]);
        string name = colon < 0 ? text : text[..colon];
        if (name.Any(c => c > 0x7f))
        {
            throw new DestinationException(DestinationFlaw.Foreign, text, Punycode(name));
        }

        name = name.ToLowerInvariant();
        if (Preset.Find(name) is { } preset)
        {
            return new Destination($"@{preset.Name}", port);
        }

        CheckName(text, name);
        return new Destination(name, port);
    }

    public override string ToString() => Port == 0 ? Name : $"{Name}:{Port}";

    private static void CheckName(string text, string name)
    {
        bool wild = name.StartsWith("*.", StringComparison.Ordinal);
        string rest = wild ? name[2..] : name;
        string[] labels = rest.Split('.');
        var flaw =
            name.Length == 0 ? DestinationFlaw.Malformed
            : name.Length > LongestName || labels.Any(l => l.Length > LongestLabel) ? DestinationFlaw.Long
            : name[0] == '@' ? DestinationFlaw.Preset
            : rest.Contains('*', StringComparison.Ordinal) ? DestinationFlaw.Wildcard
            : rest.EndsWith('.') ? DestinationFlaw.TrailingDot
            : IsNumber(labels[^1]) ? DestinationFlaw.Address
            : labels.Any(l => !IsLabel(l)) ? DestinationFlaw.Malformed
            : labels.Length > 1 ? (DestinationFlaw?)null
            : wild ? DestinationFlaw.Wildcard : DestinationFlaw.Preset;
        if (flaw is { } wrong)
        {
            throw new DestinationException(wrong, text, wrong is DestinationFlaw.TrailingDot ? name.TrimEnd('.') : "");
        }
    }

    /// <summary>What ends in a number is an address to somebody: 127.1, 2130706433, 0x7f.1, 017700000001.</summary>
    internal static bool IsNumber(string label) =>
        label.Length > 0 && (label.All(char.IsAsciiDigit) || (label.StartsWith("0x", StringComparison.Ordinal) && label[2..].All(char.IsAsciiHexDigit)));

    private static bool IsLabel(string label) =>
        label.Length > 0 && label[0] != '-' && label[^1] != '-' && label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    private static int PortOf(string text, string digits) =>
        digits.Length is > 0 and <= 5 && digits[0] != '0' && digits.All(char.IsAsciiDigit) &&
        int.Parse(digits, CultureInfo.InvariantCulture) is > 0 and <= ushort.MaxValue and var port
            ? port : throw new DestinationException(DestinationFlaw.Port, text);

    private static string Punycode(string name)
    {
        try
        {
            return new IdnMapping().GetAscii(name);
        }
        catch (ArgumentException)
        {
            return "";      // no name in any spelling
        }
    }
}
