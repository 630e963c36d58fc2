using System.Net.Security;
using System.Security.Authentication;
using Safes.Contracts;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Resident;

namespace Safes.Hypervisor.Tests.Api;

/// <summary>Which of the two servers behind the control port a connection is for.</summary>
public sealed class ControlDoorTests
{
    private static SslApplicationProtocol Inside { get; } = new(InsideProtocol.Name.ToArray());

    [Fact]
    public async Task Which_server_is_meant_is_told_by_the_beginning_alone()
    {
        Assert.Equal(ClientHello.Kind.Inside, ClientHello.Read(await HelloAsync(Inside, SslApplicationProtocol.Http2)));
        Assert.Equal(ClientHello.Kind.Other, ClientHello.Read(await HelloAsync(SslApplicationProtocol.Http2)));
        Assert.Equal(ClientHello.Kind.Other, ClientHello.Read(await HelloAsync(SslApplicationProtocol.Http2, new SslApplicationProtocol("safes-inside/20"))));
        Assert.Equal(ClientHello.Kind.Other, ClientHello.Read("PRI * HTTP/2.0\r\n\r\n"u8));
    }

    [Fact]
    public async Task Of_a_beginning_in_pieces_more_is_waited_for_and_any_other_bytes_are_somebody_s_and_nothing_worse()
    {
        byte[] hello = await HelloAsync(Inside, SslApplicationProtocol.Http2);
        for (int length = 0; length < hello.Length; length++)
        {
            Assert.Equal(ClientHello.Kind.More, ClientHello.Read(hello.AsSpan(0, length)));
        }

        var random = new Random(1);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] damaged = [.. hello];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            ClientHello.Read(damaged.AsSpan(0, random.Next(damaged.Length + 1)));
        }
    }

    [Fact]
    public void A_device_has_so_many_connections_and_no_more()
    {
        var connections = new DeviceConnections(2);
        Assert.True(connections.Enter("a"));
        Assert.True(connections.Enter("a"));
        Assert.False(connections.Enter("a"));
        Assert.True(connections.Enter("b"));    // another's are its own
        connections.Leave("a");
        Assert.True(connections.Enter("a"));
    }

    private static async Task<byte[]> HelloAsync(params SslApplicationProtocol[] names)
    {
        var sent = new Recorder();
        using var tls = new SslStream(sent);
        await Assert.ThrowsAnyAsync<Exception>(() => tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "safes",
            EnabledSslProtocols = SslProtocols.Tls13,
            ApplicationProtocols = [.. names],
        }));
        return sent.ToArray();
    }

    /// <summary>Keeps what is written, and has nothing to read.</summary>
    private sealed class Recorder : MemoryStream
    {
        public override int Read(Span<byte> buffer) => 0;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(0);
    }
}
