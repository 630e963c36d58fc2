using System.Net;
using System.Net.Sockets;

namespace Safes.Hypervisor.Tests.Api;

/// <summary>A gateway that keeps every byte which devices send, and can say it all again.</summary>
internal sealed class RecordingRelay : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint server;
    private readonly MemoryStream recorded = new();
    private readonly CancellationTokenSource ended = new();

    public RecordingRelay(IPEndPoint server)
    {
        this.server = server;
        listener.Start();
        _ = AcceptAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndpoint;

    public byte[] Recorded
    {
        get
        {
            lock (recorded)
            {
                return recorded.ToArray();
            }
        }
    }

    /// <summary>The same bytes on a connection of their own, until the server ends it.</summary>
    public async Task PlayAgainAsync(byte[] bytes)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(server);
        var stream = connection.GetStream();
        try
        {
            await stream.WriteAsync(bytes);
            byte[] answer = new byte[4096];
            while (await stream.ReadAsync(answer) > 0)
            {
            }
        }
        catch (IOException)
        {
            // Reset by the server: as good as closed.
        }
    }

    public void Dispose()
    {
        ended.Cancel();
        listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!ended.IsCancellationRequested)
        {
            var device = await listener.AcceptTcpClientAsync(ended.Token);
            _ = RelayAsync(device);
        }
    }

    private async Task RelayAsync(TcpClient device)
    {
        using (device)
        using (var onward = new TcpClient())
        {
            await onward.ConnectAsync(server);
            var back = onward.GetStream().CopyToAsync(device.GetStream(), ended.Token);
            byte[] buffer = new byte[16384];
            for (int n; (n = await device.GetStream().ReadAsync(buffer, ended.Token)) > 0;)
            {
                lock (recorded)
                {
                    recorded.Write(buffer, 0, n);
                }

                await onward.GetStream().WriteAsync(buffer.AsMemory(0, n), ended.Token);
            }

            onward.Client.Shutdown(SocketShutdown.Send);
            await back;
        }
    }
}
