using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Tests.Api;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Hypervisor.Tests.Cuts;

/// <summary>A member's device as it speaks to the real `safed`, with a CK that is drawn and not hashed.</summary>
internal sealed class TeamDevice(RealSafe safe, Person person) : IDisposable
{
    private GrpcChannel? channel;

    private Contracts.V1.Safe.SafeClient Client => new(channel ??= Connect());

    /// <summary>After a restart of safed.</summary>
    public void Reconnect()
    {
        channel?.Dispose();
        channel = null;
    }

    public async Task<HelloReply> HelloAsync() => await Client.HelloAsync(new HelloRequest());

    public async Task ClaimAsync()
    {
        var address = safe.Address;
        var key = await Client.GetOneTimeKeyAsync(new OneTimeKeyRequest());
        using var seed = KemKeyPair.NewSeed();
        using var share = SecretBuffer.Random(32);
        var genesis = Genesis.Sign(person.Keys.Signing, person.Keys.Identity(seed), address.ServerPin, address.GatewayKey, address.Init, key.ServerShare.ToByteArray());
        using var call = Client.Claim(new ClaimRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Seal(key, Purpose.Claim, genesis.Safe, [], 0, genesis.Bytes.Span, person.Ck, seed, share),
            Genesis = ByteString.CopyFrom(genesis.Bytes.Span),
        });
        await foreach (var _ in call.ResponseStream.ReadAllAsync())
        {
        }
    }

    public async Task<Opened> OpenAsync()
    {
        var roster = await RosterAsync();
        var key = await Client.GetOneTimeKeyAsync(new OneTimeKeyRequest());
        using var call = Client.Open(new OpenRequest
        {
            OneTimeKey = key.PublicKey,
            Head = key.Head,
            Generation = key.Generation,
            Sealed = Seal(key, Purpose.Open, roster.Safe, key.Head.Span, key.Generation, [], person.Ck),
        });
        Opened? opened = null;
        await foreach (var progress in call.ResponseStream.ReadAllAsync())
        {
            opened = progress.Opened ?? opened;
        }

        return opened ?? throw new InvalidOperationException("no session came");
    }

    public async Task LeaveAsync(Opened session)
    {
        using var call = Client.Leave(new LeaveRequest { Session = session.Session });
        await foreach (var _ in call.ResponseStream.ReadAllAsync())
        {
        }
    }

    /// <summary>Begins to answer, and is gone.</summary>
    public async Task FallSilentAsync(Opened session)
    {
        using var call = Client.Renew();
        await call.RequestStream.WriteAsync(new LeaseAnswer { Session = session.Session });
        await call.ResponseStream.MoveNext();
    }

    public async Task AddAsync(Opened session, Person who) =>
        await ChangeAsync(session, roster => AddMember.Sign(roster, person.Device, person.Keys.Signing, who.Keys.CreateId().Identity, false));

    public async Task RemoveAsync(Opened session, Person who) =>
        await ChangeAsync(session, roster => RemoveMember.Sign(roster, person.Device, person.Keys.Signing, who.Keys.Member));

    public async Task JoinAsync()
    {
        var roster = await RosterAsync();
        var key = await Client.GetOneTimeKeyAsync(new OneTimeKeyRequest());
        using var fresh = KemKeyPair.NewSeed();
        var entry = Rekey.Sign(roster, person.Device, person.Keys.Signing, KemKeyPair.PublicKey(fresh));
        await Client.JoinAsync(new JoinRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Seal(key, Purpose.Join, roster.Safe, key.Head.Span, key.Generation, entry.Bytes.Span, person.Ck, person.Keys.FirstSeed!, fresh),
            Entry = ByteString.CopyFrom(entry.Bytes.Span),
        });
    }

    public async Task<SafeRoster> RosterAsync() =>
        SafeRoster.Replay([.. (await Client.GetRosterAsync(new RosterRequest())).Entries.Select(e => (ReadOnlyMemory<byte>)e.ToByteArray())]);

    public void Dispose() => channel?.Dispose();

    private async Task ChangeAsync(Opened session, Func<SafeRoster, RosterEntry> sign)
    {
        var roster = await RosterAsync();
        var key = await Client.GetOneTimeKeyAsync(new OneTimeKeyRequest());
        var entry = sign(roster);
        await Client.ChangeRosterAsync(
            new ChangeRosterRequest
            {
                OneTimeKey = key.PublicKey,
                Sealed = Seal(key, Purpose.ChangeRoster, roster.Safe, key.Head.Span, key.Generation, [.. entry.Bytes.Span, .. entry.Head.Span], person.Ck),
                Entry = ByteString.CopyFrom(entry.Bytes.Span),
                Head = ByteString.CopyFrom(entry.Head.Span),
            },
            LoopbackSafe.In(session));
    }

    private ByteString Seal(OneTimeKeyReply key, Purpose purpose, SafeId id, ReadOnlySpan<byte> head, ulong generation, ReadOnlySpan<byte> request, params SecretBuffer[] secrets)
    {
        using var message = SecretBuffer.Take([.. secrets.SelectMany(Ledger.Reveal)]);
        byte[] aad = OpenAad.Encode(purpose, id, person.Device, TlsIdentity.Pin(person.Keys.Tls), safe.Address.ServerPin, key.PublicKey.Span, head, generation, request);
        return ByteString.CopyFrom(OneTimeSeal.Seal(key.PublicKey.Span, message, aad));
    }

    private GrpcChannel Connect()
    {
        byte[] pin = safe.Address.ServerPin;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, stop) => await safe.ConnectAsync(stop),
            SslOptions = new SslClientAuthenticationOptions
            {
                TargetHost = "safes",
                EnabledSslProtocols = SslProtocols.Tls13,
                ClientCertificateContext = SslStreamCertificateContext.Create(person.Keys.CreateCertificate(), null, offline: true),
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                RemoteCertificateValidationCallback = (_, peer, _, _) => peer is X509Certificate2 c && pin.AsSpan().SequenceEqual(CallGuard.PinOf(c)),
            },
        };
        return GrpcChannel.ForAddress("https://safes", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }
}
