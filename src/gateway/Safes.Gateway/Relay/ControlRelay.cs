using System.Net;
using System.Net.Sockets;

namespace Safes.Gateway.Relay;

/// <summary>
/// Carries bytes between devices and safed, unread. Connections and buffers are bounded, in all and for each device, so that no
/// device can use up what the others need.
/// </summary>
internal sealed class ControlRelay : IDisposable
{
    public const int PerDevice = 16, InAll = 256;

    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(5), Pause = TimeSpan.FromMilliseconds(50);

    private readonly Socket listener;
    private readonly IPEndPoint target;
    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, int> open = [];
    private readonly CancellationTokenSource stop = new();

    private ControlRelay(Socket listener, IPEndPoint target) => (this.listener, this.target) = (listener, target);

    public static ControlRelay Start(IPEndPoint listen, IPEndPoint target)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(listen);
        listener.Listen(64);
        var relay = new ControlRelay(listener, target);
        _ = relay.AcceptAsync();
        return relay;
    }

    public IPEndPoint Listen => (IPEndPoint)listener.LocalEndPoint!;

    public void Dispose()
    {
        stop.Cancel();
        listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var device = await listener.AcceptAsync(stop.Token);
                _ = CarryAsync(device);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // A connection that ended before it was taken, want of descriptors, or the end of the relay: in no case a busy loop.
                await Task.Delay(Pause);
            }
        }
    }

    private async Task CarryAsync(Socket device)
    {
        using var held = device;
        var from = ((IPEndPoint)device.RemoteEndPoint!).Address;
        if (!Enter(from))
        {
            return;
        }

        try
        {
            using var hypervisor = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            using (var limit = CancellationTokenSource.CreateLinkedTokenSource(stop.Token))
            {
                limit.CancelAfter(ConnectLimit);
                await hypervisor.ConnectAsync(target, limit.Token);
            }

            await RelayedConnection.RunAsync(device, hypervisor, stop.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Either side has gone, or safed does not answer: the other side sees the connection end.
        }
        finally
        {
            Leave(from);
        }
    }

    private bool Enter(IPAddress device)
    {
        lock (gate)
        {
            int mine = open.GetValueOrDefault(device);
            if (mine >= PerDevice || open.Values.Sum() >= InAll)
            {
                return false;
            }

            open[device] = mine + 1;
            return true;
        }
    }

    private void Leave(IPAddress device)
    {
        lock (gate)
        {
            if (--open[device] == 0)
            {
                open.Remove(device);
            }
        }
    }
}
