using System.Net.Security;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Connection;

/// <summary>Gives a connection on which the handshake is done; the HTTP client makes none of its own on an <see cref="SslStream"/>.</summary>
public delegate Task<SslStream> Dial(CancellationToken stop);

/// <summary>
/// Calls to a server. Every failure is a <see cref="FaultException"/> that names its cause; what gRPC's status codes do not
/// tell apart is told by how far the connection came.
/// </summary>
public abstract class PinnedCalls<TCalls> : IDisposable
{
    private const string FaultTrailer = "fault-bin";

    /// <summary>Pings that show a vanished server in 10 s, long before TCP would.</summary>
    private static readonly TimeSpan Ping = TimeSpan.FromSeconds(5);

    private readonly GrpcChannel channel;
    private volatile FaultException? refusedDial;
    private volatile bool dialled, answered;

    protected PinnedCalls(Dial dial, Func<CallInvoker, TCalls> calls)
    {
        channel = GrpcChannel.ForAddress("https://safe", new GrpcChannelOptions
        {
            MaxReceiveMessageSize = 1 << 20,
            DisposeHttpClient = true,
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                AllowAutoRedirect = false,
                KeepAlivePingDelay = Ping,
                KeepAlivePingTimeout = Ping,
                KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
                // One connection for all calls: one-time keys belong to the connection that asked for them.
                EnableMultipleHttp2Connections = false,
                ConnectCallback = async (_, stop) =>
                {
                    try
                    {
                        refusedDial = null;
                        var stream = await dial(stop).ConfigureAwait(false);
                        dialled = true;
                        answered = false;
                        return stream;
                    }
                    catch (FaultException e)
                    {
                        refusedDial = e;
                        throw;
                    }
                },
            },
        });
        Calls = calls(channel.CreateCallInvoker());
    }

    /// <summary>This device's session, named in every call once there is one; empty before.</summary>
    public ByteString Session { get; set; } = ByteString.Empty;

    protected TCalls Calls { get; }

    protected Metadata Headers => Session.IsEmpty ? [] : new Metadata { { CallHeaders.Session, Session.ToByteArray() } };

    /// <summary>Makes one call with a deadline.</summary>
    public async Task<T> CallAsync<T>(Func<TCalls, CallOptions, AsyncUnaryCall<T>> call, TimeSpan limit, CancellationToken stop)
    {
        try
        {
            using var made = call(Calls, new CallOptions(Headers, DateTime.UtcNow + limit, stop));
            var reply = await made.ResponseAsync.ConfigureAwait(false);
            answered = true;
            return reply;
        }
        catch (RpcException e)
        {
            throw Cause(e, stop);
        }
    }

    /// <summary>Makes a call that answers with a stream.</summary>
    public async IAsyncEnumerable<T> StreamAsync<T>(
        Func<TCalls, CallOptions, AsyncServerStreamingCall<T>> call, TimeSpan limit, [EnumeratorCancellation] CancellationToken stop)
    {
        using var made = call(Calls, new CallOptions(Headers, DateTime.UtcNow + limit, stop));
        while (true)
        {
            try
            {
                if (!await made.ResponseStream.MoveNext(stop).ConfigureAwait(false))
                {
                    yield break;
                }

                answered = true;
            }
            catch (RpcException e)
            {
                throw Cause(e, stop);
            }

            yield return made.ResponseStream.Current;
        }
    }

    /// <summary>What a failed call means.</summary>
    public Exception Cause(RpcException e, CancellationToken stop)
    {
        if (stop.IsCancellationRequested)
        {
            return new OperationCanceledException("The call was cancelled.", e, stop);
        }

        if (e.Trailers.GetValueBytes(FaultTrailer) is { } bytes)
        {
            return ServerFault.Of(Fault.Parser.ParseFrom(bytes));
        }

        if (refusedDial is { } refused)
        {
            return refused;
        }

        if (e.StatusCode is StatusCode.Unimplemented)
        {
            return ServerFault.OtherVersion();    // it has no such call
        }

        if (e.StatusCode is StatusCode.DeadlineExceeded)
        {
            return new FaultException(FaultCodes.NoServer, ("why", "it is connected but did not answer in time"));
        }

        bool broken = e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Cancelled or StatusCode.Unknown;
        if (broken && dialled && !answered && e.Status.DebugException is not null)
        {
            // With TLS 1.3 a server refuses a client's certificate only after the handshake: the first call is cut.
            return new FaultException(FaultCodes.UnknownDevice, ("why", e.Status.Detail));
        }

        return broken && e.Status.DebugException is not null
            ? ServerFault.Lost()
            : new FaultException(FaultCodes.Internal, ("what", $"{e.StatusCode}: {e.Status.Detail}"), ("from", "server"));
    }

    public void Dispose()
    {
        channel.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Calls to the part of a server that is always there.</summary>
public sealed class SafeChannel(Dial dial) : PinnedCalls<Safe.SafeClient>(dial, invoker => new Safe.SafeClient(invoker))
{
    /// <summary>Opens a call that streams both ways; its failures go through <see cref="PinnedCalls{TCalls}.Cause"/>.</summary>
    public AsyncDuplexStreamingCall<LeaseAnswer, LeaseChallenge> Renew(CancellationToken stop) => Calls.Renew(new CallOptions(cancellationToken: stop));
}

/// <summary>Calls to the inside of an open safe.</summary>
public sealed class InsideChannel(Dial dial) : PinnedCalls<Inside.InsideClient>(dial, invoker => new Inside.InsideClient(invoker))
{
    /// <summary>Sends files; failures go through <see cref="PinnedCalls{TCalls}.Cause"/>. It lasts as long as it takes.</summary>
    public AsyncDuplexStreamingCall<PutRequest, PutReply> Put(CancellationToken stop) => Calls.Put(new CallOptions(Headers, cancellationToken: stop));

    /// <inheritdoc cref="Put"/>
    public AsyncDuplexStreamingCall<GetRequest, GetReply> Get(CancellationToken stop) => Calls.Get(new CallOptions(Headers, cancellationToken: stop));

    /// <summary>What hosts do and what everybody should know, until the safe is closed or the session is over.</summary>
    public AsyncServerStreamingCall<Seen> Watch(CancellationToken stop) => Calls.Watch(new WatchRequest(), new CallOptions(Headers, cancellationToken: stop));
}
