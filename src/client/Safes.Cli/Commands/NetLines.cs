using System.Text.Json.Nodes;
using Safes.Client.Network;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Rules;
using Safes.Rules.Outside;

namespace Safes.Cli.Commands;

/// <summary>The inside network as people read it, and as scripts do.</summary>
internal static class NetLines
{
    /// <param name="book">The rules as this device has verified them; null: they are not whole.</param>
    public static IEnumerable<string> Text(InsideView view, RuleBook? book)
    {
        var net = view.Reply;
        yield return $"  hosts in {Printable.Line(net.Prefix)} and {Printable.Line(net.Prefix6)}; devices come by the gateway, which is {(net.GatewayUp ? "up" : "down")}";
        yield return net.Shell
            ? $"  with a session: {Join(net.Devices, "nobody")}"
            : "  closed mode: devices reach nothing in hosts";
        foreach (var host in net.Hosts)
        {
            yield return "";
            yield return $"  {Printable.Line(host.Name),-14} {Printable.Line(host.Address)}  {Printable.Line(host.Address6)}{(host.Group.Length > 0 ? $"  group {Printable.Line(host.Group)}" : "")}";
            yield return $"    reaches, and is reached by: {Join(view.Reached(host), "no other host")}";
            yield return $"    members reach: {Ways(net, host)}";
            yield return $"    reaches outside: {(book is null ? "nothing: the rules are not whole" : Join(Outside(book, host).Select(s => $"{RuleLines.Destination((AllowRule)s.Rule)} (rule {s.Number})"), "nothing"))}";
            if (host.Spoofed + host.Refused > 0)
            {
                yield return $"    refused since it started: {host.Spoofed} under a false name or of a forbidden kind, {host.Refused} to whom no rule lets it";
            }
        }

        if (net.Hosts.Count == 0)
        {
            yield return "  no hosts yet: safe host add NAME";
        }
    }

    public static JsonObject Json(string safe, InsideView view, RuleBook? book) => new()
    {
        ["safe"] = safe,
        ["prefix"] = view.Reply.Prefix,
        ["prefix6"] = view.Reply.Prefix6,
        ["gateway_up"] = view.Reply.GatewayUp,
        ["shell"] = view.Reply.Shell,
        ["devices"] = Array(view.Reply.Devices),
        ["hosts"] = new JsonArray([.. view.Reply.Hosts.Select(h => new JsonObject
        {
            ["name"] = h.Name,
            ["address"] = h.Address,
            ["address6"] = h.Address6,
            ["group"] = h.Group.Length > 0 ? h.Group : null,
            ["reaches"] = Array(view.Reached(h)),
            ["outside"] = new JsonArray([.. Outside(book, h).Select(s => JsonValue.Create(s.Number))]),
            ["exposed"] = new JsonArray([.. h.Exposed.Select(p => JsonValue.Create(p))]),
            ["spoofed"] = h.Spoofed,
            ["refused"] = h.Refused,
        })]),
    };

    private static IEnumerable<StandingRule> Outside(RuleBook? book, NetworkHost host) => (book?.Standing ?? []).Where(s =>
        s.Rule is AllowRule a && Permit.Of(s.Number, a) is { } permit && permit.IsFor(host.Name) && !permit.HasEnded(DateTimeOffset.UtcNow));

    private static string Ways(NetworkReply net, NetworkHost host) => !net.Shell ? "nothing" : string.Join(", ", host.Exposed.Select(p => $"port {p}").Prepend("SSH"));

    private static string Join(IEnumerable<string> names, string none) => string.Join(", ", names.Select(n => Printable.Line(n)).DefaultIfEmpty(none));

    private static JsonArray Array(IEnumerable<string> texts) => new([.. texts.Select(t => JsonValue.Create(t))]);
}
