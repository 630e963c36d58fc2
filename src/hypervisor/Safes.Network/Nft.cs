using Safes.Linux;

namespace Safes.Network;

/// <summary>Rules, through the nft program: one text is one transaction.</summary>
internal static class Nft
{
    public static Task ApplyAsync(string? pin, string text) => Tool.RunAsync("nft", ["-f", "-"], text, pin);

    /// <summary>Tries whether the kernel has address translation.</summary>
    public static Task<bool> CanTranslateAsync(string? pin) =>
        WorksAsync(pin, "table ip safes_probe { chain c { type nat hook prerouting priority dstnat; udp dport 1 dnat to 10.0.0.1:1; }\n}\ndelete table ip safes_probe\n");

    /// <summary>Tries whether the kernel filters bridges.</summary>
    public static Task<bool> CanFilterBridgesAsync(string? pin) =>
        WorksAsync(pin, "table bridge safes_probe { chain c { type filter hook forward priority filter; }\n}\ndelete table bridge safes_probe\n");

    /// <summary>A table ("inet name") as the kernel has it, without counts; null: there is none.</summary>
    public static Task<string?> ListAsync(string? pin, string table) => TellAsync(pin, ["list", "table", .. table.Split(' ')]);

    /// <summary>A set of a table, with its elements; null: there is none.</summary>
    public static Task<string?> ListSetAsync(string? pin, string table, string set) => TellAsync(pin, ["list", "set", .. table.Split(' '), set]);

    private static async Task<string?> TellAsync(string? pin, string[] what) =>
        await Tool.TryAsync("nft", ["--stateless", .. what], network: pin).ConfigureAwait(false) is { Exit: 0 } told ? told.Output : null;

    private static async Task<bool> WorksAsync(string? pin, string text) =>
        (await Tool.TryAsync("nft", ["-f", "-"], text, pin).ConfigureAwait(false)).Exit == 0;
}
