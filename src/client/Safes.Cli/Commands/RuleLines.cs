using System.Text.Json.Nodes;
using Safes.Contracts;
using Safes.Rules;

namespace Safes.Cli.Commands;

/// <summary>Rules as people read them, and as scripts do.</summary>
internal static class RuleLines
{
    public static IEnumerable<string> Text(RuleBook book) => book.Standing.Select(s =>
        $"  {s.Number,4}  {Words(s.Rule),-60}  {Printable.Line(s.MemberName)}, {s.At.ToLocalTime():d MMM HH:mm}");

    public static JsonArray Json(RuleBook book) => new([.. book.Standing.Select(JsonNode (s) => new JsonObject
    {
        ["number"] = s.Number,
        ["kind"] = s.Rule.Kind,
        ["says"] = Words(s.Rule),
        ["member"] = s.MemberName,
        ["at"] = s.At.ToUnixTimeSeconds(),
    })]);

    public static string Words(Rule rule) => rule switch
    {
        AllowRule a => $"{(a.From == "*" ? "every host" : a.From)} may reach {Destination(a)}",
        GroupRule g => $"group {g.Group}: {string.Join(", ", g.Hosts)}",
        ExposeRule e => $"members reach {e.Host}:{e.Port}",
        DataOutRule d => $"data out: {DataOutRule.WordOf(d.Mode)}",
        RemoveRule r => $"rule {r.Number} removed",
        _ => rule.Kind,
    };

    /// <summary>Where to, how, and until when.</summary>
    public static string Destination(AllowRule rule) => $"{rule.To}{(rule.Port == 0 ? "" : $":{rule.Port}")}{Limits(rule)}";

    private static string Limits(AllowRule a) =>
        (a.Methods.Count == 0 ? "" : $" by {string.Join(", ", a.Methods)}") +
        (a.UploadLimit == 0 ? "" : $", at most {HostLines.Size((ulong)a.UploadLimit)} up") +
        (a.DownloadLimit == 0 ? "" : $", at most {HostLines.Size((ulong)a.DownloadLimit)} down") +
        (a.UntilUnix == 0 ? "" : $", until {DateTimeOffset.FromUnixTimeSeconds(Math.Min(a.UntilUnix, 253402300799)).ToLocalTime():d MMM HH:mm}");
}
