using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Safes.Contracts;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Tunnel;

/// <summary>
/// The device's way to a safe: a tunnel that is up already, or one made here with the rights to. It touches one interface,
/// its address, the routes to the safe's gateway and hosts, and a table of packet rules of its own; never the resolver and no other route.
/// </summary>
public sealed class DeviceTunnel
{
    /// <summary>How long a first handshake may take.</summary>
    public static TimeSpan HandshakeLimit { get; } = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ToolLimit = TimeSpan.FromSeconds(10);

    private readonly MadeInterface? made;

    /// <summary>The server's addresses, and which of them is used; none where somebody else keeps the tunnel.</summary>
    private IReadOnlyList<IPEndPoint> endpoints = [];
    private int address;

    private DeviceTunnel(TunnelSettings settings, MadeInterface? made, string how)
    {
        Settings = settings;
        this.made = made;
        How = how;
    }

    public TunnelSettings Settings { get; }

    /// <summary>Whether it was made here, and goes with the session.</summary>
    public bool Ours => made is not null;

    /// <summary>For people: who made it.</summary>
    public string How { get; }

    /// <summary>A tunnel that somebody else keeps.</summary>
    public static DeviceTunnel Of(TunnelSettings settings, string how) => new(settings, made: null, how);

    /// <summary>Whether one is up, whoever made it.</summary>
    public static bool IsUp(TunnelSettings settings) => HasAddress(settings) is not null;

    /// <summary>Of the tunnel that is up: its interface, and whether something is known to keep the gateway from this device; null when none is up.</summary>
    public static async Task<(string Interface, bool Kept)?> FindAsync(TunnelSettings settings) =>
        HasAddress(settings) is { } name ? (name, await DeviceFirewall.IsKnownToStandAsync(name).ConfigureAwait(false)) : null;

    /// <summary>Uses the tunnel that is up, or makes one; then waits for the gateway to answer.</summary>
    /// <param name="notes">Where it is noted what was made here.</param>
    /// <param name="writeConfiguration">Writes a wg-quick configuration and returns its path, for people without the rights.</param>
    public static async Task<DeviceTunnel> EnsureAsync(
        TunnelSettings settings, SecretBuffer privateKey, string notes, Func<string> writeConfiguration, CancellationToken stop)
    {
        DeviceTunnel tunnel;
        if (HasAddress(settings) is { } present && !(Capabilities.MayManageNetwork && MadeInterface.IsLeftBehind(present, notes)))
        {
            tunnel = Of(settings, $"{present}, up already");
        }
        else if (!Capabilities.MayManageNetwork)
        {
            throw new FaultException(FaultCodes.NoPrivilege, ("command", $"sudo wg-quick up {writeConfiguration()}"));
        }
        else
        {
            tunnel = await MakeAsync(settings, privateKey, notes, stop).ConfigureAwait(false);
        }

        try
        {
            await tunnel.AnswersAsync(stop).ConfigureAwait(false);
            return tunnel;
        }
        catch
        {
            await tunnel.RemoveAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Connects to the server's control port through the tunnel.</summary>
    public static async Task<Stream> ConnectAsync(TunnelSettings settings, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(settings.Control, stop).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Makes the kernel forget the gateway's silence: a restarted gateway is greeted at once.</summary>
    public async Task ReaddPeerAsync(CancellationToken stop)
    {
        if (made is not { IsThere: true })
        {
            return;
        }

        // A laptop may be in another network by now, from which the name leads elsewhere.
        endpoints = await Endpoints.ResolveAsync(Settings.Endpoint, stop).ConfigureAwait(false);
        if (!await HasHandshakeAsync().ConfigureAwait(false))
        {
            address++;    // the last one did not answer at all
        }

        await AddPeerAnewAsync().ConfigureAwait(false);
    }

    private async Task AddPeerAnewAsync()
    {
        string key = Convert.ToBase64String(Settings.GatewayKey.Span);
        var endpoint = endpoints[address % endpoints.Count];
        await Tool.RunAsync("wg", ["set", Settings.Interface, "peer", key, "remove"], limit: ToolLimit).ConfigureAwait(false);
        await Tool.RunAsync(
            "wg",
            ["set", Settings.Interface, "peer", key, "endpoint", endpoint.ToString(), "allowed-ips", Settings.AllowedAddresses,
                "persistent-keepalive", $"{TunnelSettings.KeepaliveSeconds}"],
            limit: ToolLimit).ConfigureAwait(false);
    }

    /// <summary>Makes the packet rules anew when somebody has taken them away: a reload of a firewall flushes all there are.</summary>
    /// <returns>False: they were not there, and are again.</returns>
    /// <exception cref="FaultException">no-firewall.</exception>
    public async Task<bool> KeepFirewallAsync()
    {
        if (made is not { IsThere: true } || await DeviceFirewall.StandsAsync(Settings.Interface).ConfigureAwait(false) is true)
        {
            return true;
        }

        await DeviceFirewall.RaiseAsync(Settings.Interface).ConfigureAwait(false);
        return false;
    }

    /// <summary>Takes away what was made here, and nothing that has its name by now. Nothing happens when it is gone.</summary>
    /// <param name="unlessUsed">Another session of this device may go on through it: then it stays.</param>
    public async Task RemoveAsync(bool unlessUsed = false)
    {
        if (made is null || (unlessUsed && IsUsed()))
        {
            return;
        }

        if (made.IsThere)
        {
            await Tool.TryAsync("ip", ["link", "delete", Settings.Interface], limit: ToolLimit).ConfigureAwait(false);
        }

        if (NetIf.Find(Settings.Interface) is null)
        {
            await DeviceFirewall.LowerAsync(Settings.Interface).ConfigureAwait(false);
            made.Forget();
        }
    }

    /// <summary>Whether a connection to the server goes through it.</summary>
    private bool IsUsed() => IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections()
        .Any(c => c.State == TcpState.Established && c.LocalEndPoint.Address.Equals(Settings.Device) && c.RemoteEndPoint.Equals(Settings.Control));

    /// <summary>The interface that has this device's address in the safe, whoever made it.</summary>
    private static string? HasAddress(TunnelSettings settings) =>
        NetworkInterface.GetAllNetworkInterfaces()
            .FirstOrDefault(i => i.GetIPProperties().UnicastAddresses.Any(a => a.Address.Equals(settings.Device)))?.Name;

    private static async Task<DeviceTunnel> MakeAsync(TunnelSettings settings, SecretBuffer privateKey, string notes, CancellationToken stop)
    {
        var endpoints = await Endpoints.ResolveAsync(settings.Endpoint, stop).ConfigureAwait(false);
        // One that a killed session left behind is made anew: its routes and keys may be of another day. One without an address is nobody's.
        await Tool.TryAsync("ip", ["link", "delete", settings.Interface], limit: ToolLimit).ConfigureAwait(false);
        await DeviceFirewall.RaiseAsync(settings.Interface).ConfigureAwait(false);
        DeviceTunnel tunnel;
        try
        {
            string how = await AddInterfaceAsync(settings.Interface).ConfigureAwait(false);
            tunnel = new DeviceTunnel(settings, MadeInterface.Of(settings.Interface, notes), how) { endpoints = endpoints };
        }
        catch
        {
            await DeviceFirewall.LowerAsync(settings.Interface).ConfigureAwait(false);
            throw;
        }

        try
        {
            await WireGuardKeyText.SetAsync(settings.Interface, WireGuardText.ForSetconf(settings, endpoints[0]), privateKey).ConfigureAwait(false);
            string batch = $"""
                address add {settings.Device}/32 dev {settings.Interface}
                link set {settings.Interface} mtu {TunnelSettings.Mtu} up
                {string.Join('\n', settings.Routes.Select(r => $"route add {r} dev {settings.Interface}"))}

                """;
            await Tool.RunAsync("ip", ["-batch", "-"], batch, limit: ToolLimit).ConfigureAwait(false);
            return tunnel;
        }
        catch
        {
            await tunnel.RemoveAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<string> AddInterfaceAsync(string name)
    {
        var kernel = await Tool.TryAsync("ip", ["link", "add", name, "type", "wireguard"], limit: ToolLimit).ConfigureAwait(false);
        if (kernel.Exit == 0)
        {
            return "made here, in the kernel";
        }

        if (kernel.Error.Contains("not permitted", StringComparison.Ordinal))
        {
            throw new FaultException(FaultCodes.NoPrivilege);
        }

        try
        {
            // It returns when its device and its control socket are there, and goes on in the background.
            using var program = Child.Start(new ChildStart("wireguard-go", [name]));
            if (await program.WaitAsync(ToolLimit).ConfigureAwait(false) is not 0)
            {
                program.KillGroup();
                throw new ToolException("wireguard-go", [name], "it did not come up", null);
            }
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            throw new FaultException(FaultCodes.ToolMissing, ("tool", "wireguard-go"), ("why", "this kernel has no WireGuard"));
        }

        return "made here, by wireguard-go";
    }

    private async Task AnswersAsync(CancellationToken stop)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
        time.CancelAfter(HandshakeLimit);
        string why = "";
        try
        {
            var connecting = ConnectAsync(Settings, time.Token);
            for (int left = endpoints.Count - 1; left > 0 && await Task.WhenAny(connecting, Task.Delay(HandshakeLimit / endpoints.Count, time.Token)).ConfigureAwait(false) != connecting; left--)
            {
                if (made is { IsThere: true } && !await HasHandshakeAsync().ConfigureAwait(false))
                {
                    address++;
                    await AddPeerAnewAsync().ConfigureAwait(false);
                }
            }

            await (await connecting.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            return;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            why = "it does not answer";
        }
        catch (SocketException e)
        {
            why = e.Message;
        }

        throw await HasHandshakeAsync().ConfigureAwait(false)
            ? new FaultException(FaultCodes.NoServer, ("why", why))
            : new FaultException(FaultCodes.NoTunnel, ("endpoint", Settings.Endpoint), ("seconds", $"{HandshakeLimit.TotalSeconds:0}"));
    }

    private async Task<bool> HasHandshakeAsync()
    {
        if (!Ours)
        {
            return false;
        }

        var shown = await Tool.TryAsync("wg", ["show", Settings.Interface, "latest-handshakes"], limit: ToolLimit).ConfigureAwait(false);
        return shown.Exit == 0 && shown.Output.Split('\n').Any(line => line.Split('\t') is [_, var at] && at.Trim() != "0");
    }
}
