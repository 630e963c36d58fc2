using System.Net;
using System.Net.Sockets;

namespace Safes.Hypervisor.Tests.Transfers;

/// <summary>A device's way to the server, which a test may cut after so many bytes, or make wrong in one of them.</summary>
internal sealed class Link(IPEndPoint to)
{
    private long left = long.MaxValue;
    private TaskCompletionSource? hushed;
    private Cable? present;

    /// <summary>How many connections were made.</summary>
    public int Connections { get; private set; }

    /// <summary>How many bytes went either way.</summary>
    public long Passed { get; private set; }

    /// <summary>Cuts the present connection once so many more bytes have gone either way; the next one is whole.</summary>
    public void CutAfter(long bytes) => left = bytes;

    /// <summary>Of what the server says nothing more arrives over the present connection.</summary>
    public void Hush() => hushed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Cuts the present connection; the next one is whole.</summary>
    public void Cut()
    {
        present!.Cut();
        hushed?.TrySetException(new IOException("cut"));
        hushed = null;
    }

    public async Task<Stream> ConnectAsync(CancellationToken stop)
    {
        Connections++;
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(to, stop);
        return present = new Cable(this, socket);
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
            await (link.hushed?.Task ?? Task.CompletedTask);
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
