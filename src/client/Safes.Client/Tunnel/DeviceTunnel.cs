using System.Net.NetworkInformation;
using System.Net.Sockets;
using Safes.Contracts;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Tunnel;

/// <summary>
/// The device's way to a safe: a tunnel that is up already, or one made here with the rights to. It touches one interface,
/// its address and the route to the safe's own prefix; never the resolver and no other route.
/// </summary>
public sealed class DeviceTunnel
{
    /// <summary>How long a first handshake may take.</summary>
    public static TimeSpan HandshakeLimit { get; } = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ToolLimit = TimeSpan.FromSeconds(10);

    private DeviceTunnel(TunnelSettings settings, bool ours, string how)
    {
        Settings = settings;
        Ours = ours;
        How = how;
    }

    public TunnelSettings Settings { get; }

    /// <summary>Whether it was made here, and goes with the session.</summary>
    public bool Ours { get; }

    /// <summary>For people: who made it.</summary>
    public string How { get; }

    /// <summary>A tunnel that somebody else keeps.</summary>
    public static DeviceTunnel Of(TunnelSettings settings, string how) => new(settings, ours: false, how);

    /// <summary>Whether one is up, whoever made it.</summary>
    public static bool IsUp(TunnelSettings settings) => HasAddress(settings) is not null;

    /// <summary>Uses the tunnel that is up, or makes one; then waits for the gateway to answer.</summary>
    /// <param name="writeConfiguration">Writes a wg-quick configuration and returns its path, for people without the rights.</param>
    public static async Task<DeviceTunnel> EnsureAsync(
        TunnelSettings settings, SecretBuffer privateKey, Func<string> writeConfiguration, CancellationToken stop)
    {
        DeviceTunnel tunnel;
        if (HasAddress(settings) is { } present && present != settings.Interface)
        {
            tunnel = Of(settings, $"{present}, up already");
        }
        else if (!Capabilities.MayManageNetwork)
        {
            throw new FaultException(FaultCodes.NoPrivilege, ("command", $"sudo wg-quick up {writeConfiguration()}"));
        }
        else
        {
            tunnel = await MakeAsync(settings, privateKey, stop).ConfigureAwait(false);
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
        if (!Ours)
        {
            return;
        }

        string key = Convert.ToBase64String(Settings.GatewayKey.Span);
        var endpoint = await Endpoints.ResolveAsync(Settings.Endpoint, stop).ConfigureAwait(false);
        await Tool.RunAsync("wg", ["set", Settings.Interface, "peer", key, "remove"], limit: ToolLimit).ConfigureAwait(false);
        await Tool.RunAsync(
            "wg",
            ["set", Settings.Interface, "peer", key, "endpoint", endpoint.ToString(), "allowed-ips", Settings.Route,
                "persistent-keepalive", $"{TunnelSettings.KeepaliveSeconds}"],
            limit: ToolLimit).ConfigureAwait(false);
    }

    /// <summary>Takes away what was made here. Nothing happens when it is gone.</summary>
    public async Task RemoveAsync()
    {
        if (Ours)
        {
            await Tool.TryAsync("ip", ["link", "delete", Settings.Interface], limit: ToolLimit).ConfigureAwait(false);
        }
    }

    /// <summary>The interface that has this device's address in the safe, whoever made it.</summary>
    private static string? HasAddress(TunnelSettings settings) =>
        NetworkInterface.GetAllNetworkInterfaces()
            .FirstOrDefault(i => i.GetIPProperties().UnicastAddresses.Any(a => a.Address.Equals(settings.Device)))?.Name;

    private static async Task<DeviceTunnel> MakeAsync(TunnelSettings settings, SecretBuffer privateKey, CancellationToken stop)
    {
        var endpoint = await Endpoints.ResolveAsync(settings.Endpoint, stop).ConfigureAwait(false);
        // One that a killed session left behind is made anew: its routes and keys may be of another day.
        await Tool.TryAsync("ip", ["link", "delete", settings.Interface], limit: ToolLimit).ConfigureAwait(false);
        string how = await AddInterfaceAsync(settings.Interface).ConfigureAwait(false);
        var tunnel = new DeviceTunnel(settings, ours: true, how);
        try
        {
            await WireGuardKeyText.SetAsync(settings.Interface, WireGuardText.ForSetconf(settings, endpoint), privateKey).ConfigureAwait(false);
            string batch = $"""
                address add {settings.Device}/32 dev {settings.Interface}
                link set {settings.Interface} mtu {TunnelSettings.Mtu} up
                route add {settings.Route} dev {settings.Interface}

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
            await (await ConnectAsync(Settings, time.Token).ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
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
