using Safes.Gateway.Settings;
using Safes.Linux;

namespace Safes.Gateway;

/// <summary>The programs of the gateway's image, each run to its end, in the namespace of the safe or in another.</summary>
internal static class Programs
{
    public static void Ip(params string[] arguments) => IpIn(null, arguments);

    public static void IpIn(string? network, params string[] arguments) => Run("busybox", ["ip", .. arguments], network: network);

    /// <summary>Gives a link its address and sets it up.</summary>
    public static void Bring(string link, InterfaceAddress address, string? network = null)
    {
        IpIn(network, "addr", "add", $"{address}", "dev", link);
        IpIn(network, "link", "set", link, "up");
    }

    public static void Nft(string rules, string? network = null) => Run("nft", ["-f", "-"], rules, network);

    /// <exception cref="ToolException">It did not succeed.</exception>
    public static string Run(string program, IReadOnlyList<string> arguments, string? input = null, string? network = null) =>
        Tool.RunAsync(program, arguments, input, network).GetAwaiter().GetResult();
}
