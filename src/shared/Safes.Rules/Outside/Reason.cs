using System.Globalization;

namespace Safes.Rules.Outside;

/// <summary>Why a request is refused, in words: what is so, and what an owner does to change it. The proxy's pages and `safe rule explain` say the same.</summary>
/// <param name="What">One sentence.</param>
/// <param name="Command">For an owner to give; empty: no rule can change it.</param>
public sealed record Reason(string What, string Command)
{
    /// <summary>How pages begin; in an answer's first line stands what comes after it.</summary>
    public const string Begin = "The safe's proxy refused this: ";

    /// <summary>For a terminal.</summary>
    public string Page => $"{Begin}{What}\n{(Command.Length == 0 ? "" : $"An owner can change that:  {Command}\n")}";

    /// <param name="host">The host's name.</param>
    /// <param name="name">Of the destination.</param>
    /// <param name="port">In text: the proxy fills it in.</param>
    public static Reason NoRule(string host, string name, string port) =>
        new($"No rule lets {host} reach {name}:{port}.", $"safe rule allow {host} {name}:{port}");

    public static Reason Ended(Permit permit, string host, string name, string port) =>
        new($"Rule {permit.Rule} let {host} reach {name}:{port} until {Utc(permit.Until)}; it has ended.", $"safe rule allow {host} {name}:{port} --until 2h");

    public static Reason Method(Permit permit, string host, string name, string port, string method) =>
        new($"Rule {permit.Rule} lets {host} reach {name}:{port} with {string.Join(", ", permit.Methods)}, not with {method}.",
            $"safe rule allow {host} {name}:{port} --methods {method}");

    public static Reason Upload(Permit permit, string host, string name, string port) =>
        new($"Rule {permit.Rule} lets {host} send {name}:{port} at most {Size(permit.Upload)} in a request, and it has to say how much it sends.",
            $"safe rule allow {host} {name}:{port} --upload-limit 1G");

    public static Reason Address =>
        new("It asks for an address. Rules name names, so that where a name leads can be checked.", "");

    public static Reason Inside(string name) =>
        new($"{name} leads to an address that is not on the internet (this server, a private network, or nothing); no rule can change that.", "");

    public static Reason Strange => new("Inside its encrypted connection the request was for another destination than the connection itself, or for a tunnel of its own.", "");

    /// <summary>Of what was decided; null: it is allowed.</summary>
    public static Reason? Of(Decision decision, OutsideRequest request, OutsideRules rules)
    {
        string port = request.Port.ToString(CultureInfo.InvariantCulture);
        var permit = rules.Permits.Concat(rules.Ended).FirstOrDefault(p => p.Rule == decision.Rule);
        return decision.Verdict switch
        {
            Verdict.Allowed => null,
            Verdict.Address => Address,
            Verdict.Ended => Ended(permit!, request.Host, request.Name, port),
            Verdict.Method => Method(permit!, request.Host, request.Name, port, request.Method),
            Verdict.Upload => Upload(permit!, request.Host, request.Name, port),
            _ => NoRule(request.Host, request.Name, port),
        };
    }

    /// <summary>What the rule that lets a request through does not let through: its other methods, and a command that needs one. Null: it takes any.</summary>
    public static Reason? Beyond(Decision decision, OutsideRequest request, OutsideRules rules)
    {
        if (decision.Verdict != Verdict.Allowed || rules.Permits.FirstOrDefault(p => p.Rule == decision.Rule) is not { Methods.Count: > 0 } permit)
        {
            return null;
        }

        string what = $"Rule {permit.Rule} takes {string.Join(", ", permit.Methods)} and no other method";
        return permit.Preset?.Beyond is ({ Length: > 0 } command, var method)
            ? new($"{what}; '{command}' sends {method}.", $"safe rule allow {request.Host} {request.Name}:{request.Port.ToString(CultureInfo.InvariantCulture)} --methods {method}")
            : new($"{what}.", "");
    }

    private static string Utc(long unix) => DateTimeOffset.FromUnixTimeSeconds(unix).ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>Bytes, in the largest unit that needs no fraction.</summary>
    internal static string Size(long bytes)
    {
        string[] units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        for (; unit < units.Length - 1 && bytes >= 1024 && bytes % 1024 == 0; unit++)
        {
            bytes /= 1024;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes} {units[unit]}");
    }
}
