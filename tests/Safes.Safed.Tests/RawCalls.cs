using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;

namespace Safes.Safed.Tests;

/// <summary>The calls of one of the two services with bytes in place of messages, over a connection of a device's own.</summary>
/// <param name="device">Whose connection it is.</param>
/// <param name="service">Safe, at the server, or Inside, at the inside whose pin the device has.</param>
internal sealed class RawCalls(Laptop device, ServiceDescriptor service) : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);
    private static readonly Marshaller<byte[]> Plain = Marshallers.Create(b => b, b => b);

    private readonly GrpcChannel channel = GrpcChannel.ForAddress("https://safe", new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler { ConnectCallback = async (_, stop) => await (service == Inside ? device.DialInsideAsync(stop) : device.DialAsync(stop)) },
        DisposeHttpClient = true,
        MaxSendMessageSize = null,
    });

    public static ServiceDescriptor Safe { get; } = SafeReflection.Descriptor.Services.Single(s => s.Name == "Safe");

    public static ServiceDescriptor Inside { get; } = SafeReflection.Descriptor.Services.Single(s => s.Name == "Inside");

    /// <summary>Of both services, except Watch: its message is empty, and its answer does not end while the safe is open.</summary>
    public static IEnumerable<MethodDescriptor> Methods => Safe.Methods.Concat(Inside.Methods).Where(m => m.Name != "Watch");

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

    private Method<byte[], byte[]> Method(string name, MethodType type) => new(type, service.FullName, name, Plain, Plain);

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
