using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Vaults;
using Safes.Hypervisor.Within;
using Safes.Hypervisor.Within.Api;
using Safes.Linux;

namespace Safes.Hypervisor.Api;

/// <summary>
/// The three listeners: the control port with TLS 1.3, both ends pinned; the same in the inside process, for the connections that are handed to it;
/// and root's socket. Each is a host of its own, so that none serves another's calls.
/// </summary>
public static class Servers
{
    public const int LargestMessage = 64 * 1024;

    /// <summary>How many connections there may be at once: each device has one to the resident part and one to the inside, and some for commands.</summary>
    public const int MostConnections = 1024, MostOfADevice = 16;

    /// <summary>Serves members. Nobody whose certificate is not in the roster gets past the handshake.</summary>
    public static WebApplication Control(Action<KestrelServerOptions, Action<ListenOptions>> listen, Vault vault, ApiParts parts, ILoggerProvider log, bool verbose = false,
        GivenConnections? given = null)
    {
        var builder = Members(listen, vault, vault.ServerCertificate, parts.OneTimeKeys.Drop, log, verbose, given);
        builder.Services.AddSingleton(parts).AddSingleton<SafeApi>();
        var app = builder.Build();
        app.Use(NameUnknownCallsAsync);
        app.MapGrpcService<SafeApi>();
        return app;
    }

    /// <summary>Serves members inside an open safe, with a key that was made for this opening.</summary>
    public static WebApplication Inside(
        Action<KestrelServerOptions, Action<ListenOptions>> listen, IOpenSafe safe, X509Certificate2 certificate, ILoggerProvider log, bool verbose = false,
        GivenConnections? given = null)
    {
        var builder = Members(listen, new RosterPeers(safe), certificate, _ => { }, log, verbose, given);
        builder.Services.AddSingleton(safe).AddSingleton<InsideApi>();
        var app = builder.Build();
        app.Use(NameUnknownCallsAsync);
        app.MapGrpcService<InsideApi>();
        return app;
    }

    /// <summary>A call that there is none of is one of another version's device: one from before the inside was a part of its own asks here for its hosts.</summary>
    private static async Task NameUnknownCallsAsync(HttpContext context, RequestDelegate next)
    {
        await next(context).ConfigureAwait(false);
        var headers = context.Response.Headers;
        if (!context.Response.HasStarted && headers["grpc-status"] == $"{(int)StatusCode.Unimplemented}" && !headers.ContainsKey(FaultMap.Trailer))
        {
            var fault = new FaultException(FaultCodes.OtherVersion, ("what", "the server"), ("between", "server"));
            headers[FaultMap.Trailer] = Convert.ToBase64String(FaultMap.Message(fault).ToByteArray());
        }
    }

    private static WebApplicationBuilder Members(
        Action<KestrelServerOptions, Action<ListenOptions>> listen, IPeers peers, X509Certificate2 certificate, Action<string> ended, ILoggerProvider log, bool verbose,
        GivenConnections? given)
    {
        var builder = Builder(log, verbose);
        var devices = new DeviceConnections(MostOfADevice);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.AddServerHeader = false;
            k.AllowAlternateSchemes = true;    // a device that makes its TLS itself says "http" inside of it
            k.Limits.MaxConcurrentConnections = MostConnections;
            k.Limits.Http2.MaxStreamsPerConnection = 32;
            k.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(5);
            k.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(5);
            k.Limits.MaxRequestBodySize = null;    // streams of answers last as long as a session
            k.Limits.MinRequestBodyDataRate = null;
            k.Limits.MinResponseDataRate = null;
            listen(k, l =>
            {
                l.Protocols = HttpProtocols.Http2;
                l.Use(next => async connection =>
                {
                    try
                    {
                        await next(connection).ConfigureAwait(false);
                    }
                    finally
                    {
                        ended(connection.ConnectionId);
                    }
                });
                l.UseHttps(Tls(peers, certificate));
                l.Use(next => connection => devices.RunAsync(connection, next));
            });
        });
        if (given is not null)
        {
            builder.Services.AddSingleton<Microsoft.AspNetCore.Connections.IConnectionListenerFactory>(given);
        }

        builder.Services.AddSingleton(peers);
        builder.Services.AddGrpc(o =>
        {
            o.MaxReceiveMessageSize = LargestMessage;
            o.Interceptors.Add<CallGuard>();
        });
        return builder;
    }

    /// <summary>Serves root on this server; the socket lies in a directory that only root enters.</summary>
    public static WebApplication LocalSocket(string path, LocalApi api, ILoggerProvider log, bool verbose = false)
    {
        File.Delete(path);
        var builder = Builder(log, verbose);
        builder.WebHost.ConfigureKestrel(k => k.ListenUnixSocket(path, l =>
        {
            l.Protocols = HttpProtocols.Http2;
            l.Use(next => connection => IsRoot(connection) ? next(connection) : Task.CompletedTask);
        }));
        builder.Services.AddGrpc(o => o.MaxReceiveMessageSize = LargestMessage);
        builder.Services.AddSingleton(api);
        var app = builder.Build();
        app.MapGrpcService<LocalApi>();
        return app;
    }

    private static bool IsRoot(Microsoft.AspNetCore.Connections.ConnectionContext connection) =>
        connection.Features.Get<Microsoft.AspNetCore.Connections.Features.IConnectionSocketFeature>()?.Socket is { } socket && Rights.PeerOf(socket) is { User: 0 };

    /// <summary>
    /// Nothing is taken from files or variables: the usual builders read settings from the working directory and watch all that lies
    /// below it for changes, an open volume included, which would hold it open.
    /// </summary>
    private static WebApplicationBuilder Builder(ILoggerProvider log, bool verbose)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelCore();
        // Sessions' streams last as long as they can; devices come back by token, so nobody waits for them.
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(500));
        builder.Logging.ClearProviders().AddProvider(new BoundedLog(log, BootClock.Instance)).SetMinimumLevel(verbose ? LogLevel.Debug : LogLevel.Warning);
        return builder;
    }

    private static HttpsConnectionAdapterOptions Tls(IPeers peers, X509Certificate2 certificate) => new()
    {
        ServerCertificate = certificate,
        SslProtocols = SslProtocols.Tls13,
        ClientCertificateMode = ClientCertificateMode.RequireCertificate,
        CheckCertificateRevocation = false,
        HandshakeTimeout = TimeSpan.FromSeconds(10),
        ClientCertificateValidation = (peer, _, _) => peers.FindPeer(CallGuard.PinOf(peer)) is not null,    // the pin is the policy; chain errors are ignored on purpose
        OnAuthenticate = (_, ssl) =>
        {
            ssl.AllowTlsResume = false;
            ssl.ServerCertificate = null;
            ssl.ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true);
            ssl.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            };
        },
    };
}
