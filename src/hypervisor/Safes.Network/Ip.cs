using Safes.Linux;

namespace Safes.Network;

/// <summary>Links of a namespace, through the ip program. A null namespace is this process's own.</summary>
internal static class Ip
{
    public static T In<T>(string? pin, Func<T> work) => pin is null ? work() : Sched.InNetwork(pin, work);

    public static async Task<HashSet<string>> LinksAsync(string? pin)
    {
        // "2: eth0@if3: <BROADCAST,..": the name ends at the colon or before the peer.
        string text = await Tool.RunAsync("ip", ["-o", "link", "show"], network: pin).ConfigureAwait(false);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(": ")[1].Split('@')[0])];
    }

    public static async Task<bool> ExistsAsync(string link, string? pin) =>
        (await LinksAsync(pin).ConfigureAwait(false)).Contains(link);

    /// <summary>True when there is such a link, it is up and has that address.</summary>
    public static async Task<bool> HasAddressAsync(string? pin, string link, System.Net.IPAddress address)
    {
        // "3: safe-83-16    inet 10.83.19.1/30 scope ..": of links that are up alone.
        string text = await Tool.RunAsync("ip", ["-o", "-4", "addr", "show", "up"], network: pin).ConfigureAwait(false);
        return text.Split('\n').Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Any(f => f.Length > 3 && f[1] == link && f[3] == $"{address}/30");
    }

    /// <summary>Carries out a command a line; empty lines are none.</summary>
    public static Task BatchAsync(string? pin, string commands) => Tool.RunAsync("ip", ["-batch", "-"], commands + "\n", pin);
}
