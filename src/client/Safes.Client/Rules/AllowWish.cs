using System.Globalization;
using Safes.Contracts;
using Safes.Rules;
using Safes.Rules.Outside;

namespace Safes.Client.Rules;

/// <summary>A rule as an owner writes it, made into one.</summary>
/// <param name="Until">"2h", "30m", "3d", or a local time "2026-12-01 12:00"; null: no end.</param>
public sealed record AllowWish(string Host, string Destination, IReadOnlyList<string> Methods, long UploadLimit, long DownloadLimit, string? Until)
{
    private static readonly string[] Times = ["yyyy-MM-dd HH:mm", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd"];

    /// <exception cref="FaultException">host-unknown, destination, preset-unknown, method-unknown, time-past.</exception>
    public AllowRule ToRule(IReadOnlyCollection<string> hosts, DateTimeOffset now)
    {
        Safes.Rules.Outside.Destination to;
        try
        {
            to = Safes.Rules.Outside.Destination.Parse(Destination);
        }
        catch (DestinationException e)
        {
            throw e.Flaw is DestinationFlaw.Preset ? UnknownPreset(Destination)
                : new FaultException(FaultCodes.Destination, ("text", e.Text[..Math.Min(e.Text.Length, 80)]), ("why", WordsOf(e.Flaw)), ("instead", e.Instead));
        }

        var rule = new AllowRule(Host, to.Name, to.Port, [.. Methods.Select(m => m.Trim().ToUpperInvariant()).Distinct()], UploadLimit, DownloadLimit, UntilUnix(now));
        return AllowCheck.Of(rule, hosts, now) is { } flaw ? throw Fault(flaw.Flaw, flaw.Word) : rule;
    }

    /// <summary>The fault of a rule that is not to be made; the server says the same.</summary>
    private static FaultException Fault(AllowFlaw flaw, string word) => flaw switch
    {
        AllowFlaw.Host => new FaultException(FaultCodes.HostUnknown, ("host", word)),
        AllowFlaw.Preset => UnknownPreset(word),
        AllowFlaw.Method => new FaultException(FaultCodes.MethodUnknown, ("method", word), ("known", string.Join(", ", AllowCheck.Methods))),
        AllowFlaw.Past => new FaultException(FaultCodes.TimePast),
        _ => new FaultException(FaultCodes.Destination, ("text", word)),
    };

    private static FaultException UnknownPreset(string name) => new(FaultCodes.PresetUnknown, ("name", name), ("presets", string.Join(", ", Preset.All.Select(p => p.Name))));

    private static string WordsOf(DestinationFlaw flaw) => flaw switch
    {
        DestinationFlaw.Long => "a name has at most 253 characters, and 63 between two dots",
        DestinationFlaw.TrailingDot => "a dot at its end",
        DestinationFlaw.Wildcard => "a star stands in front only, as in *.example.org",
        DestinationFlaw.Address => "it is an address; rules name names",
        DestinationFlaw.Foreign => "it has letters that may only look like those of another name",
        DestinationFlaw.Port => "a port is 1 to 65535",
        DestinationFlaw.Url => "it is a URL; rules name a name and a port",
        _ => "a name has letters, digits, - and dots between",
    };

    private long UntilUnix(DateTimeOffset now)
    {
        if (Until is null)
        {
            return 0;
        }

        if (Until.Length > 1 && "mhd".IndexOf(Until[^1], StringComparison.Ordinal) is >= 0 and var unit &&
            int.TryParse(Until[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n is > 0 and < 100_000)
        {
            return (now + (unit switch { 0 => TimeSpan.FromMinutes(n), 1 => TimeSpan.FromHours(n), _ => TimeSpan.FromDays(n) })).ToUnixTimeSeconds();
        }

        // In the entry 0 means no end, and a time may have been just that.
        return DateTime.TryParseExact(Until, Times, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal | DateTimeStyles.AdjustToUniversal, out var at)
            ? at > now.UtcDateTime ? new DateTimeOffset(at).ToUnixTimeSeconds() : throw new FaultException(FaultCodes.TimePast)
            : throw new FaultException(FaultCodes.Usage, ("what", $"'{Until}' is no time"), ("hint", "such as 30m, 2h, 3d or \"2026-12-01 12:00\""));
    }
}
