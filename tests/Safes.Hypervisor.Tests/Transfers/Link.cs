using System.Net;
using System.Net.Sockets;

namespace Safes.Hypervisor.Tests.Transfers;

/// <summary>A device's way to the server, which a test may cut after so many bytes, or make wrong in one of them.</summary>
internal sealed class Link(IPEndPoint to)
{
    private long left = long.MaxValue;

    /// <summary>How many connections were made.</summary>
    public int Connections { get; private set; }

    /// <summary>How many bytes went either way.</summary>
    public long Passed { get; private set; }

    /// <summary>Cuts the present connection once so many more bytes have gone either way; the next one is whole.</summary>
    public void CutAfter(long bytes) => left = bytes;

    public async Task<Stream> ConnectAsync(CancellationToken stop)
    {
        Connections++;
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(to, stop);
        return new Cable(this, socket);
    }

    private void Pass(Cable cable, int bytes)
    {
        lock (this)
        {
            Passed += bytes;
            left -= bytes;
            if (left <= 0)
            {
                left = long.MaxValue;
                cable.Cut();
            }
        }
    }

    private sealed class Cable(Link link, Socket socket) : NetworkStream(socket, ownsSocket: true)
    {
        public void Cut() => Socket.Close(0);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int n = await base.ReadAsync(buffer, cancellationToken);
            link.Pass(this, n);
            return n;
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteAsync(buffer, cancellationToken);
            link.Pass(this, buffer.Length);
        }
    }
}
