using System.Text.Json;
using Safes.Linux;

namespace Safes.Network;

/// <summary>What a host's port was refused since it was made: frames, each counted once for each port that it was kept from.</summary>
/// <param name="Spoofed">Sent under a name that is not the host's, or of a kind that no host may send.</param>
/// <param name="Refused">Sent to whom no rule lets it.</param>
public sealed record Refusals(ulong Spoofed, ulong Refused)
{
    public static Refusals None { get; } = new(0, 0);

    /// <summary>By the port's interface, as the rules count them.</summary>
    internal static async Task<IReadOnlyDictionary<string, Refusals>> ReadAsync(string pin)
    {
        var spoofed = await CountsAsync(pin, SafeRules.SpoofedSet).ConfigureAwait(false);
        var refused = await CountsAsync(pin, SafeRules.RefusedSet).ConfigureAwait(false);
        return spoofed.Keys.Union(refused.Keys).ToDictionary(l => l, l => new Refusals(spoofed.GetValueOrDefault(l), refused.GetValueOrDefault(l)));
    }

    private static async Task<Dictionary<string, ulong>> CountsAsync(string pin, string set) =>
        Parse(await Tool.RunAsync("nft", ["-j", "list", "set", "bridge", "safe", set], network: pin).ConfigureAwait(false));

    internal static Dictionary<string, ulong> Parse(string json)
    {
        var counts = new Dictionary<string, ulong>();
        using var document = JsonDocument.Parse(json);
        foreach (var item in document.RootElement.GetProperty("nftables").EnumerateArray())
        {
            if (item.TryGetProperty("set", out var found) && found.TryGetProperty("elem", out var elements))
            {
                foreach (var element in elements.EnumerateArray().Select(e => e.GetProperty("elem")))
                {
                    counts[element.GetProperty("val").GetString()!] = element.GetProperty("counter").GetProperty("packets").GetUInt64();
                }
            }
        }

        return counts;
    }
}
