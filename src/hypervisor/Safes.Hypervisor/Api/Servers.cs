using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Vaults;
using Safes.Linux;

namespace Safes.Hypervisor.Api;

/// <summary>The two listeners: the control port with TLS 1.3, both ends pinned; and root's socket. Two hosts, so that neither serves the other's calls.</summary>
public static class Servers
{
    public const int LargestMessage = 64 * 1024;

    /// <summary>Serves members. Nobody whose certificate is not in the roster gets past the handshake.</summary>
    public static WebApplication Control(Action<KestrelServerOptions, Action<ListenOptions>> listen, Vault vault, ApiParts parts, ILoggerProvider log, bool verbose = false)
    {
        var builder = Builder(log, verbose);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.AddServerHeader = false;
            k.AllowAlternateSchemes = true;    // a device that makes its TLS itself says "http" inside of it
            k.Limits.MaxConcurrentConnections = 256;
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
                        parts.OneTimeKeys.Drop(connection.ConnectionId);
                    }
                });
                l.UseHttps(Tls(vault));
            });
        });
        builder.Services.AddSingleton(vault).AddSingleton(parts);
        builder.Services.AddGrpc(o =>
        {
            o.MaxReceiveMessageSize = LargestMessage;
            o.Interceptors.Add<CallGuard>();
        });
        builder.Services.AddSingleton<SafeApi>();
        var app = builder.Build();
        app.MapGrpcService<SafeApi>();
        return app;
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
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(verbose ? LogLevel.Debug : LogLevel.Warning);
        return builder;
    }

    private static HttpsConnectionAdapterOptions Tls(Vault vault) => new()
    {
        ServerCertificate = vault.ServerCertificate,
        SslProtocols = SslProtocols.Tls13,
        ClientCertificateMode = ClientCertificateMode.RequireCertificate,
        CheckCertificateRevocation = false,
        HandshakeTimeout = TimeSpan.FromSeconds(10),
        ClientCertificateValidation = (peer, _, _) => vault.FindPeer(CallGuard.PinOf(peer)) is not null,    // the pin is the policy; chain errors are ignored on purpose
        OnAuthenticate = (_, ssl) =>
        {
            ssl.AllowTlsResume = false;
            ssl.ServerCertificate = null;
            ssl.ServerCertificateContext = SslStreamCertificateContext.Create(vault.ServerCertificate, null, offline: true);
            ssl.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            };
        },
    };
}
