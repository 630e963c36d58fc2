using System.Net;
using System.Text.Json.Nodes;
using Safes.Contracts;
using Safes.Rules.Outside;

namespace Safes.Cli.Commands;

/// <summary>What hosts have asked of the proxy, as people read it. Hosts chose the words: they come through printable.</summary>
internal static class RequestLines
{
    public static string Text(LoggedRequest r, IReadOnlyDictionary<string, IPAddress> hosts) => Printable.Line(r.Method == "-"
        ? $"  {r.At.ToLocalTime():d MMM HH:mm:ss}  {HostOf(r, hosts),-12} {(r.Why.Length > 0 ? $"refused: {WhyOf(r.Why)}" : $"rule {r.Rule}, {Short(r.Name)}")}"
        : $"  {r.At.ToLocalTime():d MMM HH:mm:ss}  {HostOf(r, hosts),-12} {r.Method,-8} {Short(r.Name)}:{r.Port}  " +
        (r.Why.Length > 0 ? $"refused: {WhyOf(r.Why)}" : $"{r.Status}, {(r.Rule > 0 ? $"rule {r.Rule}, " : "")}{HostLines.Size((ulong)r.Up)} up, {HostLines.Size((ulong)r.Down)} down"));

    public static JsonObject Json(LoggedRequest r, IReadOnlyDictionary<string, IPAddress> hosts) => new()
    {
        ["at"] = r.At.ToUnixTimeSeconds(),
        ["host"] = HostOf(r, hosts),
        ["method"] = r.Method,
        ["name"] = r.Name,
        ["port"] = r.Port,
        ["status"] = r.Status,
        ["up"] = r.Up,
        ["down"] = r.Down,
        ["rule"] = r.Rule,
        ["refused"] = r.Why,
    };

    private static string HostOf(LoggedRequest r, IReadOnlyDictionary<string, IPAddress> hosts) =>
        hosts.FirstOrDefault(h => h.Value.Equals(r.Host)).Key ?? $"{r.Host}";

    private static string Short(string name) => name.Length <= 80 ? name : name[..80] + "..";

    // As SquidConfiguration names its reasons: what, and the rule or the host.
    private static string WhyOf(string why) => why.Split('-') switch
    {
        ["refused"] => "by the rules",
        ["none", ..] => "no rule",
        ["ended", var rule] => $"rule {rule} has ended",
        ["method", var rule] => $"rule {rule} does not take the method",
        ["upload", var rule] => $"rule {rule} does not take so much",
        ["by_address"] => "an address, no name",
        ["inside"] => "leads to no address of the internet",
        ["strange"] => "inside its tunnel, for another destination",
        _ => Short(why),
    };
}
