using System.Net;
using System.Net.Sockets;
using Safes.Contracts;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Client.Tunnel;

/// <summary>Whether a gateway answers this device, asked without a tunnel, and so without rights: one WireGuard handshake that leads to nothing.</summary>
public static class GatewayProbe
{
    private const int Tries = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Only while no tunnel of this device is up: the gateway would send that one's packets to the probe until it hears of it again.</summary>
    /// <exception cref="FaultException">no-tunnel: the name is not known here.</exception>
    public static async Task<bool> AnswersAsync(TunnelSettings settings, SecretBuffer privateKey, CancellationToken stop)
    {
        var endpoints = await Endpoints.ResolveAsync(settings.Endpoint, stop).ConfigureAwait(false);
        for (int attempt = 0; attempt < Math.Max(Tries, endpoints.Count); attempt++)
        {
            var endpoint = endpoints[attempt % endpoints.Count];
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            using var handshake = new WireGuardHandshake(privateKey, settings.GatewayKey.Span, DateTimeOffset.UtcNow);
            if (await AnswersAsync(socket, endpoint, handshake, stop).ConfigureAwait(false))
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<bool> AnswersAsync(Socket socket, IPEndPoint endpoint, WireGuardHandshake handshake, CancellationToken stop)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
        time.CancelAfter(Patience);
        byte[] answer = new byte[256];
        try
        {
            await socket.SendToAsync(handshake.Initiation, endpoint, time.Token).ConfigureAwait(false);
            while (true)
            {
                var got = await socket.ReceiveFromAsync(answer, endpoint, time.Token).ConfigureAwait(false);
                if (handshake.IsAnswer(answer.AsSpan(0, got.ReceivedBytes)))
                {
                    return true;
                }
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return false;
        }
        catch (SocketException)
        {
            // Refused, or no way there.
            await Task.Delay(TimeSpan.FromMilliseconds(200), stop).ConfigureAwait(false);
            return false;
        }
    }
}
