using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging.Abstractions;
using Safes.Contracts;
using Safes.Contracts.Link;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Resident;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Daemon;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Hypervisor.Tests.Ways;
using Safes.Hypervisor.Transfers;
using Safes.Hypervisor.Vaults;
using Safes.Hypervisor.Ways;
using Safes.Hypervisor.Within;
using Safes.Keys;
using Safes.Secrets;
using Safes.Volumes;

namespace Safes.Hypervisor.Tests.Api;

/// <summary>The real calls over real TLS on loopback, the real vault, and a world that is only remembered.</summary>
internal sealed class LoopbackSafe : IAsyncDisposable
{
    private sealed class NothingInside(LoopbackSafe safe) : IInsideOut
    {
        public ReadOnlyMemory<byte> InsidePin => safe.Ledger.Vault.ServerPin;

        public event Action? InsideEntered
        {
            add { }
            remove { }
        }

        public Task RosterChangedAsync(HeaderChange change) => Task.CompletedTask;
    }

    private sealed class NothingOpen(LoopbackSafe safe, TransferRoom? transfers) : IOpenSafe
    {
        public Workspace? Workspace => null;

        public TransferRoom? Transfers => transfers;

        public Roster.SafeRoster? Roster => safe.Ledger.Vault.Roster;

        public PresentSessions Sessions { get; } = new();

        public VolumeWork Work => safe.Work;

        public Notices Notices { get; } = new();

        public ulong Generation => safe.Ledger.Vault.Generation;

        public Circumstances Circumstances { get; } = new();

        public ReadOnlyMemory<byte> Init => safe.Ledger.Vault.Init;

        public IWays Ways { get; } = new NoWays();

        public VolumeDirectory Root => throw new InvalidOperationException("there is no volume");

        public event Action<HostStep>? Stepped
        {
            add { }
            remove { }
        }

        public IReadOnlyList<HostStep> StepsSoFar => [];

        public Task<RoomFacts> RoomAsync() => throw new InvalidOperationException("there is no volume");

        public Task RulesChangedAsync() => Task.CompletedTask;

        public Task HoldAsync() => Task.CompletedTask;
    }

    private readonly List<IDisposable> wiped = [];
    private readonly OneTimeKeys oneTime = new(TimeProvider.System);
    private readonly KeySlots keys = new();

    public VolumeWork Work { get; } = new();

    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private WebApplication? server, inside;
    private ControlDoor? door;

    private LoopbackSafe(Desk desk, Ledger ledger)
    {
        (Desk, Ledger) = (desk, ledger);
        Sessions = new SessionBook(NullLogger.Instance);
        desk.Daemon.Transitioned += Sessions.Follow;
    }

    public Desk Desk { get; }

    public Ledger Ledger { get; }

    public SessionBook Sessions { get; }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndPoint!;

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
            Safe = new NothingInside(safe),
            Terms = Desk.Terms,
            Clock = TimeProvider.System,
            Log = NullLogger.Instance,
        };
        var open = new NothingOpen(safe, transfers);
        safe.Desk.Daemon.Transitioned += (_, _, after) => safe.Follow(open, after);
        GivenConnections own = new(), inner = new();
        safe.server = Servers.Control((k, options) => k.Listen(own.EndPoint, options), safe.Ledger.Vault, parts, NullLoggerProvider.Instance, given: own);
        safe.inside = Servers.Inside((k, options) => k.Listen(inner.EndPoint, options), open, safe.Ledger.Vault.ServerCertificate, NullLoggerProvider.Instance, given: inner);
        await safe.server.StartAsync(TestContext.Current.CancellationToken);
        await safe.inside.StartAsync(TestContext.Current.CancellationToken);
        safe.listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        safe.listener.Listen(64);
        safe.door = new ControlDoor(safe.listener, own, connection =>
        {
            inner.Give(connection);
            return true;
        });
        _ = safe.door.RunAsync();
        return safe;
    }

    // As the real parts tell each other.
    private void Follow(NothingOpen open, Lifecycle.SafeState after)
    {
        foreach (var session in Sessions.All.Where(s => open.Sessions.Find(s.Id) is null && !s.Ended.IsCompleted))
        {
            open.Sessions.Add(session);
            _ = session.Ended.ContinueWith(ended => open.Sessions.End(session.Id, ended.Result), TaskScheduler.Default);
        }

        if (after is Lifecycle.Open)
        {
            Work.Open();
        }
        else
        {
            Work.Shut();
        }
    }

    /// <summary>A device's connection, with the certificate of its keys; through a relay when one is given.</summary>
    public Safe.SafeClient Connect(Person person, IPEndPoint? relay = null) => new(Channel(person, relay));

    /// <summary>The same to the inside.</summary>
    public Contracts.V1.Inside.InsideClient ConnectInside(Person person) => new(Channel(person, null, new SslApplicationProtocol(InsideProtocol.Name.ToArray())));

    /// <summary>Calls by their names, over a connection that offers these names before "h2".</summary>
    public CallInvoker CallsByName(Person person, params SslApplicationProtocol[] names) => Channel(person, null, names).CreateCallInvoker();

    private GrpcChannel Channel(Person person, IPEndPoint? relay, params SslApplicationProtocol[] names)
    {
        var certificate = person.Keys.CreateCertificate();
        byte[] pin = Ledger.Vault.ServerPin;
        var channel = GrpcChannel.ForAddress($"https://{relay ?? EndPoint}", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                // A handshake of its own, because the client's would say "h2" alone.
                ConnectCallback = async (_, stop) =>
                {
                    var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    await socket.ConnectAsync(relay ?? EndPoint, stop);
                    var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
                    await tls.AuthenticateAsClientAsync(
                        new SslClientAuthenticationOptions
                        {
                            TargetHost = "safes",
                            ApplicationProtocols = [.. names, SslApplicationProtocol.Http2],
                            EnabledSslProtocols = SslProtocols.Tls13,
                            ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
                            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                            RemoteCertificateValidationCallback = (_, peer, _, _) => peer is X509Certificate2 c && pin.AsSpan().SequenceEqual(CallGuard.PinOf(c)),
                        },
                        stop);
                    return tls;
                },
            },
            DisposeHttpClient = true,
        });
        wiped.Add(channel);
        wiped.Add(certificate);
        return channel;
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
        await door!.StopAsync();
        door.Dispose();
        listener.Dispose();
        await inside!.DisposeAsync();
        await server!.DisposeAsync();
        await Desk.DisposeAsync();
        oneTime.Dispose();
        keys.Dispose();
        Ledger.Dispose();
    }
}
