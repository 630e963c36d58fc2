using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Vaults;
using Safes.Linux;

namespace Safes.Hypervisor.Api;

/// <summary>The device that calls, as the roster has it at the moment of the call.</summary>
public sealed record Caller(Peer Peer, string Connection)
{
    internal const string Name = "caller";

    public static Caller Of(ServerCallContext context) => (Caller)context.UserState[Name];

    internal void Attach(ServerCallContext context) => context.UserState[Name] = this;
}

/// <summary>
/// Checks the certificate of each call against the roster as it is now (a connection outlives a removal), and turns what is thrown into
/// a status with its fault.
/// </summary>
public sealed class CallGuard(IPeers peers, ILogger<CallGuard> log) : Interceptor
{
    // One device's calls that fail, a minute.
    private static readonly LineBound Lines = new(BootClock.Instance, most: 10);

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        TResponse? response = null;
        await GuardAsync(context, async () => response = await continuation(request, context).ConfigureAwait(false)).ConfigureAwait(false);
        return response!;
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync(context, () => continuation(request, responseStream, context));

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync(context, () => continuation(requestStream, responseStream, context));

    public static byte[] PinOf(X509Certificate2 certificate) => SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo());

    private async Task GuardAsync(ServerCallContext context, Func<Task> call)
    {
        try
        {
            var connection = context.GetHttpContext().Connection;
            var peer = connection.ClientCertificate is { } certificate ? peers.FindPeer(PinOf(certificate)) : null;
            new Caller(peer ?? throw new FaultException(FaultCodes.UnknownDevice), connection.Id).Attach(context);
            await call().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Refuse(e, context, log);
        }
    }

    internal static Exception Refuse(Exception e, ServerCallContext context, ILogger log)
    {
        if (e is RpcException || (e is OperationCanceledException && context.CancellationToken.IsCancellationRequested))
        {
            return e;
        }

        if (e is IOException { InnerException: ConnectionAbortedException or ConnectionResetException })
        {
            // The device went away in the middle of a call. Nobody hears the answer, and the log is not for others to fill.
            return new RpcException(Status.DefaultCancelled);
        }

        var fault = FaultMap.Of(e);
        if (fault.Code == FaultCodes.Internal && Lines.Takes(context.UserState.TryGetValue(Caller.Name, out object? caller) ? $"{((Caller)caller).Peer.Device}" : "", out long left))
        {
            log.CallFailed(e, left == 0 ? context.Method : $"{context.Method} (after {left} more of that device)");
        }

        return FaultMap.Rpc(fault);
    }
}
