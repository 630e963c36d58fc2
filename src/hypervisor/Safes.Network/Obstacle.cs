using System.Text.Json;
using Safes.Linux;

namespace Safes.Network;

/// <summary>Whose firewall it looks like.</summary>
public enum FirewallKind
{
    Other,
    Docker,
    Ufw,
    Firewalld,
}

/// <summary>A chain in the server's way of forwarded packets that drops or refuses what it does not name, and names no link of a safe.</summary>
/// <param name="Table">With its family: "ip filter".</param>
public sealed record Obstacle(string Table, string Chain, FirewallKind Kind)
{
    private const string OurTables = "safes_", OurLinks = "\"safe-";

    /// <summary>Finds those of the server's namespace.</summary>
    /// <param name="serverPin">As in <see cref="NetworkPlan.ServerNamespacePin"/>.</param>
    /// <exception cref="ToolException">The rules cannot be looked at.</exception>
    public static async Task<IReadOnlyList<Obstacle>> FindAsync(string? serverPin = null)
    {
        var found = new List<Obstacle>();
        foreach (var (family, table, chain, policy) in Forwarding(await Tool.RunAsync("nft", ["-j", "list", "chains"], network: serverPin).ConfigureAwait(false)))
        {
            string text = await Tool.RunAsync("nft", ["-s", "-t", "list", "chain", family, table, chain], network: serverPin).ConfigureAwait(false);
            if (policy != "drop" && !EndsInRefusal(text))
            {
                continue;
            }

            string whole = await Tool.RunAsync("nft", ["-s", "-t", "list", "table", family, table], network: serverPin).ConfigureAwait(false);
            if (!whole.Contains(OurLinks, StringComparison.Ordinal))
            {
                found.Add(new Obstacle($"{family} {table}", chain, KindOf(table, whole)));
            }
        }

        return await FindOldAsync(serverPin).ConfigureAwait(false) is { } old ? [.. found, old] : found;
    }

    internal static IEnumerable<(string Family, string Table, string Chain, string Policy)> Forwarding(string json)
    {
        using var document = JsonDocument.Parse(json);
        foreach (var entry in document.RootElement.GetProperty("nftables").EnumerateArray())
        {
            if (entry.TryGetProperty("chain", out var chain) && Text(chain, "hook") == "forward" && Text(chain, "type") == "filter"
                && Text(chain, "family") is "ip" or "inet" && !Text(chain, "table").StartsWith(OurTables, StringComparison.Ordinal))
            {
                yield return (Text(chain, "family"), Text(chain, "table"), Text(chain, "name"), Text(chain, "policy"));
            }
        }
    }

    /// <summary>Whether the last line of a chain, as nft lists it, refuses whatever comes to it.</summary>
    internal static bool EndsInRefusal(string chain)
    {
        string last = chain.Split('\n').Select(l => l.Trim()).LastOrDefault(l => l.Length > 0 && l is not "}") ?? "";
        last = last.StartsWith("counter", StringComparison.Ordinal) ? last["counter".Length..].Trim() : last;
        return last is "drop" || last.StartsWith("reject", StringComparison.Ordinal);
    }

    // What iptables before nftables has set nft does not tell.
    private static async Task<Obstacle?> FindOldAsync(string? serverPin)
    {
        bool any = Ip.In(serverPin, () => File.Exists("/proc/thread-self/net/ip_tables_names") && File.ReadAllText("/proc/thread-self/net/ip_tables_names").Split('\n').Contains("filter"));
        if (!any || !ChildStart.DefaultEnvironment["PATH"].Split(':').Any(d => File.Exists(Path.Combine(d, "iptables-legacy-save"))))
        {
            return null;
        }

        string text = await Tool.RunAsync("iptables-legacy-save", ["-t", "filter"], network: serverPin).ConfigureAwait(false);
        return text.Contains(":FORWARD DROP", StringComparison.Ordinal) && !text.Contains(" safe-", StringComparison.Ordinal)
            ? new Obstacle("ip filter (iptables-legacy)", "FORWARD", KindOf("filter", text))
            : null;
    }

    private static FirewallKind KindOf(string table, string text) =>
        table == "firewalld" ? FirewallKind.Firewalld
        : text.Contains("DOCKER-USER", StringComparison.Ordinal) ? FirewallKind.Docker
        : text.Contains("ufw-", StringComparison.Ordinal) ? FirewallKind.Ufw
        : FirewallKind.Other;

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}
