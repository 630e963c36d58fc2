using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Client.Tests.Fake;

/// <summary>A server that speaks the real protocol over real TLS, with a safe that has no volume behind it.</summary>
public sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly SecretBuffer tls;

    private FakeServer(WebApplication application, SecretBuffer tls, FakeSafe safe, IPEndPoint endpoint)
    {
        (this.application, this.tls) = (application, tls);
        (Safe, Endpoint) = (safe, endpoint);
    }

    public FakeSafe Safe { get; }

    public IPEndPoint Endpoint { get; }

    /// <param name="inside">False: it is of a version from before the inside was a part of its own.</param>
    public static async Task<FakeServer> StartAsync(FakeSafe? safe = null, Func<Socket>? listen = null, bool inside = true)
    {
        var tls = TlsIdentity.NewKey();
        safe ??= new FakeSafe(TlsIdentity.Pin(tls));
        safe.ServerPin = TlsIdentity.Pin(tls);
        var certificate = TlsIdentity.Certificate(tls, "safes");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(safe);
        var socket = (listen ?? Listen)();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => k.ListenHandle((ulong)socket.Handle, l => Secure(l, certificate, safe)));
        var application = builder.Build();
        application.MapGrpcService<FakeSafe>();
        if (inside)
        {
            application.MapGrpcService<FakeInside>();
        }

        await application.StartAsync();
        return new FakeServer(application, tls, safe, (IPEndPoint)socket.LocalEndPoint!);
    }

    /// <summary>A connection to it in place of the tunnel.</summary>
    public async Task<Stream> ConnectAsync(CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(Endpoint, stop);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public async ValueTask DisposeAsync()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await application.StopAsync(soon.Token);
        await application.DisposeAsync();
        tls.Dispose();
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static void Secure(ListenOptions options, X509Certificate2 certificate, FakeSafe safe)
    {
        options.Protocols = HttpProtocols.Http2;
        options.UseHttps(new HttpsConnectionAdapterOptions
        {
            ServerCertificate = certificate,
            SslProtocols = SslProtocols.Tls13,
            ClientCertificateMode = ClientCertificateMode.RequireCertificate,
            CheckCertificateRevocation = false,
            ClientCertificateValidation = (peer, _, _) => safe.Admits(TlsIdentity.Pin(peer)),
            OnAuthenticate = (_, ssl) =>
            {
                ssl.AllowTlsResume = false;
                ssl.ServerCertificate = null;
                ssl.ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true);
            },
        });
    }
}
