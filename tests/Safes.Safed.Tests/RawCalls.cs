using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;

namespace Safes.Safed.Tests;

/// <summary>The calls of the service with bytes in place of messages, over a connection of a device's own.</summary>
internal sealed class RawCalls(Laptop device) : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);
    private static readonly Marshaller<byte[]> Plain = Marshallers.Create(b => b, b => b);

    private readonly GrpcChannel channel = GrpcChannel.ForAddress("https://safe", new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler { ConnectCallback = async (_, stop) => await device.DialAsync(stop) },
        DisposeHttpClient = true,
        MaxSendMessageSize = null,
    });

    public static IEnumerable<MethodDescriptor> Methods => SafeReflection.Descriptor.Services.Single(s => s.Name == "Safe").Methods;

    /// <summary>Makes one call to its end; the status, and of a refusal its code.</summary>
    /// <param name="method">Its name.</param>
    /// <param name="session">That the call names; empty: none.</param>
    /// <param name="messages">One, or more for a stream.</param>
    public async Task<(StatusCode Status, string? Code)> CallAsync(string method, ByteString session, params byte[][] messages)
    {
        Metadata headers = session.IsEmpty ? [] : new Metadata { { CallHeaders.Session, session.ToByteArray() } };
        var options = new CallOptions(headers, DateTime.UtcNow + Soon);
        try
        {
            if (messages is [byte[] only])
            {
                using var asking = channel.CreateCallInvoker().AsyncServerStreamingCall(Method(method, MethodType.ServerStreaming), null, options, only);
                await DrainAsync(asking.ResponseStream);
            }
            else
            {
                using var streaming = channel.CreateCallInvoker().AsyncDuplexStreamingCall(Method(method, MethodType.DuplexStreaming), null, options);
                await SendAsync(streaming.RequestStream, messages);
                await DrainAsync(streaming.ResponseStream);
            }

            return (StatusCode.OK, null);
        }
        catch (RpcException e)
        {
            return (e.StatusCode, e.Trailers.GetValueBytes(FaultMap.Trailer) is { } fault ? Fault.Parser.ParseFrom(fault).Code : null);
        }
    }

    public void Dispose() => channel.Dispose();

    private static Method<byte[], byte[]> Method(string name, MethodType type) => new(type, "safes.v1.Safe", name, Plain, Plain);

    private static async Task SendAsync(IClientStreamWriter<byte[]> to, byte[][] messages)
    {
        try
        {
            foreach (byte[] message in messages)
            {
                await to.WriteAsync(message);
            }

            await to.CompleteAsync();
        }
        catch (Exception e) when (e is InvalidOperationException or RpcException)
        {
            // Refused before all of it was sent: the answer says why.
        }
    }

    private static async Task DrainAsync(IAsyncStreamReader<byte[]> from)
    {
        while (await from.MoveNext(CancellationToken.None))
        {
        }
    }
}
