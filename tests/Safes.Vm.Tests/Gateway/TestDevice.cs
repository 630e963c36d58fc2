using System.Net;
using Safes.Linux;
using Safes.Network.Tests;

namespace Safes.Vm.Tests.Gateway;

/// <summary>A member's device: WireGuard in user space in a namespace that reaches the server's public address and nothing else.</summary>
internal sealed class TestDevice : IAsyncDisposable
{
    private static readonly IReadOnlyDictionary<string, string> Quiet =
        ChildStart.DefaultEnvironment.Append(new("LOG_LEVEL", "silent")).ToDictionary(e => e.Key, e => e.Value);

    private readonly string link = $"wg{Guid.NewGuid():n}"[..12];
    private readonly string privateKey;
    private string peer = "";

    private TestDevice(string pin, IPAddress address, string privateKey, string publicKey) =>
        (Pin, Address, this.privateKey, PublicKey) = (pin, address, privateKey, publicKey);

    public string Pin { get; }

    public IPAddress Address { get; }

    public string PublicKey { get; }

    public static async Task<(string Private, string Public)> KeysAsync()
    {
        string key = (await Tool.RunAsync("wg", ["genkey"])).Trim();
        return (key, (await Tool.RunAsync("wg", ["pubkey"], key)).Trim());
    }

    public static async Task<TestDevice> MakeAsync(string pin, IPAddress address)
    {
        var (privateKey, publicKey) = await KeysAsync();
        return new TestDevice(pin, address, privateKey, publicKey);
    }

    public async Task ConnectAsync(string gatewayKey, string endpoint, string networks, int mtu = 1420)
    {
        // It goes into the background once it can be told things; it ends with its link.
        var started = await Tool.TryAsync("wireguard-go", [link], network: Pin, environment: Quiet);
        Assert.True(started.Exit == 0, started.Error);
        peer = $"[Interface]\nPrivateKey = {privateKey}\n[Peer]\nPublicKey = {gatewayKey}\nEndpoint = {endpoint}\nAllowedIPs = {networks}\nPersistentKeepalive = 5\n";
        // Answered by the program in the background, which by then has given the link a size of its own.
        await Tool.RunAsync("wg", ["setconf", link, "/proc/self/fd/0"], peer, Pin);
        await TestServer.IpAsync(Pin, $"addr add {Address}/32 dev {link}\nlink set {link} mtu {mtu} up\nroute add {networks} dev {link}");
    }

    /// <summary>Begins the tunnel anew, as a client does whose gateway fell silent.</summary>
    public async Task ReconnectAsync()
    {
        await Tool.RunAsync("wg", ["setconf", link, "/proc/self/fd/0"], $"[Interface]\nPrivateKey = {privateKey}\n", Pin);
        await Tool.RunAsync("wg", ["setconf", link, "/proc/self/fd/0"], peer, Pin);
    }

    /// <summary>Begins the tunnel anew and waits for the gateway's answer.</summary>
    public async Task ShakeHandsAsync()
    {
        await ReconnectAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await Tool.RunAsync("wg", ["show", link, "latest-handshakes"], network: Pin)).Trim() is var said && (said.Length == 0 || said.EndsWith("\t0", StringComparison.Ordinal)))
        {
            await Task.Delay(5, limit.Token);
        }
    }

    public Task<bool> ReachesAsync(IPAddress to, int port, int milliseconds = 1500) => TestServer.ReachesAsync(Pin, null, to, port, milliseconds: milliseconds);

    public async ValueTask DisposeAsync() => await Tool.TryAsync("ip", ["link", "delete", link], network: Pin);
}
