using System.Buffers.Binary;
using System.Net.Sockets;
using Google.Protobuf;
using Safes.Contracts.V1;

namespace Safes.Safed.Tests;

/// <summary>What the gateway says on its port to safed, in place of the one in a VM. It answers rightly unless it is told what to say instead.</summary>
internal sealed class StandInGateway : IDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public StandInGateway(string socket)
    {
        listener.Bind(new UnixDomainSocketEndPoint(socket));
        File.SetUnixFileMode(socket, (UnixFileMode)0x1ff);    // QEMU's user is nobody's
        listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>The bytes of an answer, where the right ones are not wanted.</summary>
    public Func<ToGateway, Stream, Task<bool>>? Instead { get; set; }

    /// <summary>Where all that safed tells it is kept; null: nowhere.</summary>
    public MemoryStream? Record { get; set; }

    /// <summary>How often safed came, or came again.</summary>
    public int Connections { get; private set; }

    /// <summary>Devices with a session, as it was last told.</summary>
    public IReadOnlyCollection<string> Allowed { get; private set; } = [];

    public void Dispose() => listener.Dispose();

    public static byte[] Frame(IMessage message) => Frame(message.ToByteArray());

    public static byte[] Frame(byte[] body)
    {
        byte[] frame = new byte[4 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, body.Length);
        body.CopyTo(frame, 4);
        return frame;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync();
                Connections++;
                _ = ServeAsync(new NetworkStream(socket, ownsSocket: true));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(NetworkStream stream)
    {
        await using var _ = stream;
        try
        {
            await stream.WriteAsync(Frame(new FromGateway { Ready = new GatewayReady { Version = "10.0" } }));
            byte[] head = new byte[4];
            while (true)
            {
                await stream.ReadExactlyAsync(head);
                byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(head)];
                await stream.ReadExactlyAsync(body);
                Record?.Write(body);
                var asked = ToGateway.Parser.ParseFrom(body);
                Allowed = asked.Allow is { } allow ? [.. allow.Addresses] : Allowed;
                if (Instead is { } instead && await instead(asked, stream))
                {
                    continue;
                }

                await stream.WriteAsync(Frame(asked.Configure is null
                    ? new FromGateway { Id = asked.Id, Pong = new GatewayPong { Allowed = (uint)Allowed.Count } }
                    : new FromGateway { Id = asked.Id, Ready = new GatewayReady { Configured = true } }));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // safed has gone, or gave it up.
        }
    }
}
