namespace Safes.Network;

/// <summary>Settings under /proc/sys/net of a namespace. What a kernel lacks reads as null, and writing it does nothing.</summary>
internal static class Setting
{
    public static string? Read(string? pin, string name) => Ip.In(pin, () => Path(name) is { } file ? File.ReadAllText(file).Trim() : null);

    public static void Write(string? pin, string name, string value) => Ip.In(pin, () =>
    {
        if (Path(name) is { } file)
        {
            File.WriteAllText(file, value);
        }

        return true;
    });

    /// <summary>True when the whole server forwards.</summary>
    public static bool ForwardsAnyway(string? pin) => Read(pin, "net/ipv4/ip_forward") == "1";

    public static bool IsForwarding(string? pin, string link) => Read(pin, $"net/ipv4/conf/{link}/forwarding") == "1";

    public static void Forward(string? pin, string link, bool on) => Write(pin, $"net/ipv4/conf/{link}/forwarding", on ? "1" : "0");

    /// <summary>The links whose packets are not forwarded.</summary>
    public static string[] NotForwarding(string? pin) => Ip.In<string[]>(pin, () =>
        [.. Directory.GetDirectories("/proc/sys/net/ipv4/conf").Select(d => System.IO.Path.GetFileName(d)!)
            .Where(l => l is not ("all" or "default" or "lo") && Path($"net/ipv4/conf/{l}/forwarding") is { } file && File.ReadAllText(file).Trim() == "0")]);

    /// <summary>Sets what a link of the server's that leads into the safe's namespace has, and forwards along it last.</summary>
    public static void WriteLink(string? pin, string link)
    {
        foreach (var (setting, value) in OfLink(link))
        {
            Write(pin, setting, value);
        }

        Forward(pin, link, true);
    }

    public static bool LinkIsAsItShould(string? pin, string link) => OfLink(link).All(s => Read(pin, s.Name) is null || Read(pin, s.Name) == s.Value);

    // No IPv6, no answer for other links' addresses, and nothing from an address that does not lie behind it: that holds without rules, too.
    private static (string Name, string Value)[] OfLink(string link) =>
        [($"net/ipv6/conf/{link}/disable_ipv6", "1"), ($"net/ipv4/conf/{link}/arp_ignore", "1"), ($"net/ipv4/conf/{link}/rp_filter", "1")];

    private static string? Path(string name) => $"/proc/sys/{name}" is var file && File.Exists(file) ? file : null;
}
