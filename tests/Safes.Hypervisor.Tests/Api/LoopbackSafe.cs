using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Daemon;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Hypervisor.Transfers;
using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Hypervisor.Tests.Api;

/// <summary>The real calls over real TLS on loopback, the real vault, and a world that is only remembered.</summary>
internal sealed class LoopbackSafe : IAsyncDisposable
{
    private sealed class NothingOpen(TransferRoom? transfers) : IOpenSafe
    {
        public Workspace? Workspace => null;

        public TransferRoom? Transfers => transfers;

        public Task RosterChangedAsync(HeaderChange change) => Task.CompletedTask;

        public Task RulesChangedAsync() => Task.CompletedTask;

        public Task HoldAsync() => Task.CompletedTask;
    }

    private readonly List<IDisposable> wiped = [];
    private readonly OneTimeKeys oneTime = new(TimeProvider.System);
    private readonly KeySlots keys = new();

    public VolumeWork Work { get; } = new();

    private WebApplication? server;

    private LoopbackSafe(Desk desk, Ledger ledger)
    {
        (Desk, Ledger) = (desk, ledger);
        Sessions = new SessionBook(NullLogger.Instance);
        desk.Daemon.Transitioned += Sessions.Follow;
    }

    public Desk Desk { get; }

    public Ledger Ledger { get; }

    public SessionBook Sessions { get; }

    public IPEndPoint EndPoint => IPEndPoint.Parse(new Uri(server!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Authority);

    public static async Task<LoopbackSafe> StartAsync(Desk? desk = null, Ledger? ledger = null, TransferRoom? transfers = null)
    {
        var safe = new LoopbackSafe(desk ?? new Desk(), ledger ?? new Ledger());
        var parts = new ApiParts
        {
            Daemon = safe.Desk.Daemon,
            Vault = safe.Ledger.Vault,
            Sessions = safe.Sessions,
            OneTimeKeys = safe.oneTime,
            Keys = safe.keys,
            Work = safe.Work,
            Safe = new NothingOpen(transfers),
            Terms = Desk.Terms,
            Clock = TimeProvider.System,
            Log = NullLogger.Instance,
        };
        safe.server = Servers.Control((k, options) => k.Listen(IPAddress.Loopback, 0, options), safe.Ledger.Vault, parts, NullLoggerProvider.Instance);
        await safe.server.StartAsync(TestContext.Current.CancellationToken);
        return safe;
    }

    /// <summary>A device's connection, with the certificate of its keys; through a relay when one is given.</summary>
    public Safe.SafeClient Connect(Person person, IPEndPoint? relay = null)
    {
        var certificate = person.Keys.CreateCertificate();
        byte[] pin = Ledger.Vault.ServerPin;
        var channel = GrpcChannel.ForAddress($"https://{relay ?? EndPoint}", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                SslOptions = new SslClientAuthenticationOptions
                {
                    TargetHost = "safes",
                    EnabledSslProtocols = SslProtocols.Tls13,
                    ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
                    CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                    RemoteCertificateValidationCallback = (_, peer, _, _) => peer is X509Certificate2 c && pin.AsSpan().SequenceEqual(CallGuard.PinOf(c)),
                },
            },
            DisposeHttpClient = true,
        });
        wiped.Add(channel);
        wiped.Add(certificate);
        return new Safe.SafeClient(channel);
    }

    /// <summary>What `safe open` sends after it has hashed the password.</summary>
    public async Task<Opened> OpenAsync(Safe.SafeClient client, Person person, SecretBuffer? ck = null)
    {
        var key = await client.GetOneTimeKeyAsync(new OneTimeKeyRequest());
        byte[] aad = OpenAad.Encode(
            Purpose.Open, Ledger.Vault.Roster!.Safe, person.Device, TlsIdentity.Pin(person.Keys.Tls), Ledger.Vault.ServerPin, key.PublicKey.ToByteArray(),
            key.Head.Span, key.Generation, []);
        using var call = client.Open(new OpenRequest
        {
            OneTimeKey = key.PublicKey,
            Head = key.Head,
            Generation = key.Generation,
            Sealed = ByteString.CopyFrom(OneTimeSeal.Seal(key.PublicKey.Span, ck ?? person.Ck, aad)),
        });
        Opened? opened = null;
        await foreach (var progress in call.ResponseStream.ReadAllAsync())
        {
            opened = progress.Opened ?? opened;
        }

        return opened ?? throw new InvalidOperationException("no session came");
    }

    /// <summary>The headers of a call within a session.</summary>
    public static Metadata In(Opened opened) => new() { { CallHeaders.Session, opened.Session.ToByteArray() } };

    /// <summary>The code of the fault that a call is refused with.</summary>
    public static async Task<string> RefusedAsync(Func<Task> call)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(call);
        return Fault.Parser.ParseFrom(refused.Trailers.GetValueBytes(FaultMap.Trailer) ?? throw refused).Code;
    }

    public async ValueTask DisposeAsync()
    {
        wiped.ForEach(w => w.Dispose());
        await server!.DisposeAsync();
        await Desk.DisposeAsync();
        oneTime.Dispose();
        keys.Dispose();
        Ledger.Dispose();
    }
}
