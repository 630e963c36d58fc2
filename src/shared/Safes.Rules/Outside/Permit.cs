namespace Safes.Rules.Outside;

/// <summary>What one standing rule lets through, with its preset and its usual ports filled in.</summary>
/// <param name="From">A host's name, or * for every host.</param>
/// <param name="Names">Each "git.example.org", or "*.example.org" for every name below that one.</param>
/// <param name="Methods">None: any.</param>
/// <param name="Upload">Bytes of a request's body; 0: no limit.</param>
/// <param name="Download">Bytes of an answer's body; 0: no limit.</param>
/// <param name="Until">Seconds since 1970 from when on it no longer holds; 0: no end.</param>
public sealed record Permit(
    int Rule, string From, IReadOnlyList<string> Names, IReadOnlyList<int> Ports, IReadOnlyList<string> Methods, long Upload, long Download, long Until)
{
    /// <summary>Of its preset; null: it has none.</summary>
    public Preset? Preset { get; private init; }

    /// <summary>Null: of a preset that this version does not have, which lets nothing through.</summary>
    public static Permit? Of(int number, AllowRule rule)
    {
        bool named = rule.To.StartsWith('@');
        var preset = named ? Outside.Preset.Find(rule.To) : null;
        return named && preset is null ? null : new Permit(
            number, rule.From, preset?.Names ?? [rule.To], rule.Port != 0 ? [rule.Port] : preset?.Ports ?? Destination.UsualPorts,
            preset is null ? rule.Methods : Outside.Preset.Methods, rule.UploadLimit, rule.DownloadLimit, rule.UntilUnix) { Preset = preset };
    }

    /// <summary>Whether it says more than where: then TLS is opened to see what is asked.</summary>
    public bool Looks => Methods.Count > 0 || Upload > 0 || Download > 0;

    public bool HasEnded(DateTimeOffset now) => Until != 0 && Until <= now.ToUnixTimeSeconds();

    public bool IsFor(string host) => From == "*" || From == host;

    public bool IsFor(string host, string name, int port) => IsFor(host) && Ports.Contains(port) && Names.Any(n => Covers(n, name));

    public bool Takes(string method) => Methods.Count == 0 || Methods.Contains(method);

    /// <param name="bytes">Of the request's body; negative: it does not say how many.</param>
    public bool TakesUpload(long bytes) => Upload == 0 || (bytes >= 0 && bytes <= Upload);

    private static bool Covers(string pattern, string name) =>
        pattern.StartsWith("*.", StringComparison.Ordinal)
            ? name.Length > pattern.Length - 1 && name.EndsWith(pattern[1..], StringComparison.Ordinal)
            : name == pattern;
}
