using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace Safes.Hypervisor.Api;

/// <summary>Connections that were accepted elsewhere, as a server takes them.</summary>
public sealed class GivenConnections : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionListener
{
    /// <summary>Stands for this listener among a server's addresses.</summary>
    private sealed class Place : EndPoint
    {
        public override string ToString() => "given";
    }

    private readonly Channel<Socket> given = Channel.CreateBounded<Socket>(Servers.MostConnections);
    private readonly SocketConnectionContextFactory contexts = new(new SocketConnectionFactoryOptions(), NullLogger.Instance);

    public EndPoint EndPoint { get; } = new Place();

    /// <summary>Takes a socket over; one for which there is no room is closed.</summary>
    public void Give(Socket socket)
    {
        if (!given.Writer.TryWrite(socket))
        {
            socket.Dispose();
        }
    }

    public bool CanBind(EndPoint endpoint) => endpoint == EndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            var socket = await given.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            socket.NoDelay = true;
            return contexts.Create(socket);
        }
        catch (Exception e) when (e is ChannelClosedException or OperationCanceledException)
        {
            return null;
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        given.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        given.Writer.TryComplete();
        while (given.Reader.TryRead(out var late))
        {
            late.Dispose();
        }

        return ValueTask.CompletedTask;
    }
}
