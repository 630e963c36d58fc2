using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Connection;

/// <summary>The steps that every way to a server begins with.</summary>
internal static class Reaching
{
    private static readonly TimeSpan TunnelLimit = TimeSpan.FromSeconds(30), HelloLimit = TimeSpan.FromSeconds(20);

    /// <summary>How long a server that is just starting is waited for, and how often it is asked.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(10), AskAgain = TimeSpan.FromMilliseconds(300);

    private static Task<DeviceTunnel> TunnelAsync(Steps steps, Places places, AddressFile address, SecretBuffer privateKey, CancellationToken stop)
    {
        var settings = SafeProfile.TunnelOf(address);
        return steps.RunAsync(
            "tunnel", $"the handshake with {address.Endpoint}", TunnelLimit,
            () => new FaultException(FaultCodes.NoTunnel, ("endpoint", address.Endpoint), ("seconds", $"{TunnelLimit.TotalSeconds:0}")),
            async time =>
            {
                var tunnel = await DeviceTunnel.EnsureAsync(settings, privateKey, places.Tunnels, () => WriteWgQuick(places, settings, privateKey), time).ConfigureAwait(false);
                return (tunnel, tunnel.Ours ? "" : tunnel.How);
            },
            stop);
    }

    /// <summary>Tunnel and server, as every command but a test reaches them.</summary>
    internal static async Task<(Server Server, DeviceTunnel Tunnel)> ConnectAsync(Steps steps, Places places, AddressFile address, DeviceKeys keys, CancellationToken stop)
    {
        var tunnel = await TunnelAsync(steps, places, address, keys.WireGuard, stop).ConfigureAwait(false);
        if (!tunnel.Ours && await DeviceTunnel.FindAsync(tunnel.Settings).ConfigureAwait(false) is { Kept: false })
        {
            steps.Tell(new Report(ReportKind.Notice, "tunnel", "nothing is seen that keeps whoever holds the gateway from this computer's own services: safe doctor"));
        }

        return (new Server(address, keys), tunnel);
    }

    internal static Task<HelloReply> HelloAsync(Steps steps, Server server, string name, CancellationToken stop) =>
        steps.RunAsync(
            name, $"the server of '{server.Address.Name}'", HelloLimit,
            () => new FaultException(FaultCodes.NoServer, ("why", "it did not answer in time")),
            async time => (await HelloAsync(server, time).ConfigureAwait(false), ""),
            stop);

    private static async Task<HelloReply> HelloAsync(Server server, CancellationToken stop)
    {
        for (TimeSpan end = BootClock.Now + StartLimit; ;)
        {
            try
            {
                return await server.HelloAsync(stop).ConfigureAwait(false);
            }
            catch (FaultException e) when (e.Code == FaultCodes.NoServer && BootClock.Now < end)
            {
                await Task.Delay(AskAgain, stop).ConfigureAwait(false);
            }
        }
    }

    /// <summary>For people who make the tunnel with another program: it has this device's key in it, and lies beside that.</summary>
    private static string WriteWgQuick(Places places, TunnelSettings settings, SecretBuffer privateKey)
    {
        string path = Path.Combine(places.Tunnels, $"{settings.Interface}.conf");
        using var text = WireGuardText.ForWgQuick(settings, privateKey);
        using var bytes = text.Borrow();
        PrivateFile.Write(path, bytes.Span);
        return path;
    }
}
