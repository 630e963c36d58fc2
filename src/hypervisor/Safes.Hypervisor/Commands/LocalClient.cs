using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;

namespace Safes.Hypervisor.Commands;

/// <summary>Talks to the safed that runs, over its socket.</summary>
internal sealed class LocalClient : IDisposable
{
    private readonly GrpcChannel channel;

    private LocalClient(string socket)
    {
        channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectCallback = async (_, stop) =>
                {
                    var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    try
                    {
                        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), stop).ConfigureAwait(false);
                        return new NetworkStream(connection, ownsSocket: true);
                    }
                    catch
                    {
                        connection.Dispose();
                        throw;
                    }
                },
            },
            DisposeHttpClient = true,
        });
        Calls = new Local.LocalClient(channel);
    }

    public Local.LocalClient Calls { get; }

    /// <exception cref="FaultException"><see cref="FaultCodes.NotRunning"/>, or what safed answered.</exception>
    public static async Task<T> AskAsync<T>(SafePaths paths, Func<Local.LocalClient, Task<T>> ask)
    {
        using var client = new LocalClient(paths.LocalSocket);
        try
        {
            return await ask(client.Calls).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Trailers.GetValueBytes(FaultMap.Trailer) is { } bytes)
        {
            var fault = Fault.Parser.ParseFrom(bytes);
            throw new FaultException(FaultCodes.Find(fault.Code), [.. fault.Details.Select(d => (d.Key, d.Value))]);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Internal)
        {
            throw new FaultException(FaultCodes.NotRunning, ("name", paths.Name));
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.DeadlineExceeded)
        {
            // One that waits in the kernel for its storage is there still, and cannot be started anew before it has ended.
            throw new FaultException(FaultCodes.NotRunning, ("name", paths.Name), ("detail", "its process does not answer"));
        }
    }

    public void Dispose() => channel.Dispose();
}
