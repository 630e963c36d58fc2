using Google.Protobuf;
using Grpc.Core;
using Safes.Client.Connection;
using Safes.Client.Enrolment;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Safed.Tests;

/// <summary>
/// A member's device: its own keys and connection, the client's own code up to the password. That is drawn as CK, not hashed: what the
/// device pays for Argon2 is not safed's.
/// </summary>
internal sealed class Laptop(RealSafe safe, string name) : IDisposable
{
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromMinutes(3);

    private Server? server;
    private Holding? holding;

    public DeviceKeys Keys { get; } = DeviceKeys.Generate(name, name + "-laptop", Argon2Parameters.Floor);

    public SecretBuffer Ck { get; } = SecretBuffer.Random(32);

    public AddressFile Address { get; set; } = null!;

    public SafeRoster? Roster { get; private set; }

    public Opened? Opened { get; private set; }

    /// <summary>Details of the steps that the last leave went through.</summary>
    public List<string> Told { get; } = [];

    /// <summary>The owner's parts of the volume's key, kept for who looks for them.</summary>
    public (byte[] ServerShare, byte[] Share, byte[] Seed)? Claimed { get; private set; }

    public Server Server => server ??= new Server(Address, Keys, safe.ConnectAsync);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async Task ClaimAsync()
    {
        var key = await Server.GetOneTimeKeyAsync(Stop);
        using var seed = KemKeyPair.NewSeed();
        using var share = SecretBuffer.Random(32);
        Claimed = (key.ServerShare.ToByteArray(), Reveal(share), Reveal(seed));
        var genesis = Genesis.Sign(Keys.Signing, Keys.Identity(seed), Address.ServerPin, Address.GatewayKey, Address.Init, key.ServerShare.Span);
        Roster = SafeRoster.Replay([genesis.Bytes]);
        var request = new ClaimRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.Claim, Roster.Safe, Keys, Address, key, genesis.Bytes.Span, Ck, seed, share),
            Genesis = ByteString.CopyFrom(genesis.Bytes.Span),
        };
        await foreach (var _ in Server.Calls.StreamAsync((c, o) => c.Claim(request, o), RealSafe.Patience, Stop))
        {
        }
    }

    public async Task AdmitAsync(Laptop other)
    {
        Roster = await Server.FetchRosterAsync(Roster, Stop);
        var entry = AddMember.Sign(Roster, Keys.Device, Keys.Signing, other.Keys.CreateId().Identity, owner: false);
        var after = Roster.Extend(entry);
        var key = await Server.GetOneTimeKeyAsync(Stop);
        var request = new ChangeRosterRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.ChangeRoster, Roster.Safe, Keys, Address, key, [.. entry.Bytes.Span, .. after.Head.Span], Ck),
            Entry = ByteString.CopyFrom(entry.Bytes.Span),
            Head = ByteString.CopyFrom(after.Head.Span),
        };
        await Server.Calls.CallAsync((c, o) => c.ChangeRosterAsync(request, o), RealSafe.Patience, Stop);
        Roster = after;
        other.Roster = after;
        other.Address = Address with { Device = other.Keys.Device, DeviceAddress = Address.At(2 + after.FindDevice(other.Keys.Device)!.Index), Safe = after.Safe, Head = after.Head.ToArray(), Entries = after.Count };
    }

    public async Task JoinAsync()
    {
        using var fresh = KemKeyPair.NewSeed();
        var key = await Server.GetOneTimeKeyAsync(Stop);
        var entry = Rekey.Sign(Roster!, Keys.Device, Keys.Signing, KemKeyPair.PublicKey(fresh));
        var request = new JoinRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.Join, Roster!.Safe, Keys, Address, key, entry.Bytes.Span, Ck, Keys.FirstSeed!, fresh),
            Entry = ByteString.CopyFrom(entry.Bytes.Span),
        };
        await Server.Calls.CallAsync((c, o) => c.JoinAsync(request, o), RealSafe.Patience, Stop);
        Roster = Roster.Extend(entry);
    }

    /// <summary>What `safe open` does after the hash: hello, the roster checked, a one-time key, the sealed CK.</summary>
    public async Task<Opened> OpenAsync(SecretBuffer? ck = null, bool damaged = false)
    {
        await Server.HelloAsync(Stop);
        Roster = await Server.FetchRosterAsync(Roster, Stop);
        var key = await Server.GetOneTimeKeyAsync(Stop);
        var request = new OpenRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.Open, Roster.Safe, Keys, Address, key, [], ck ?? Ck),
            Head = key.Head,
            Generation = key.Generation,
        };
        if (damaged)
        {
            byte[] sealedBytes = request.Sealed.ToByteArray();
            sealedBytes[^1] ^= 1;
            request.Sealed = ByteString.CopyFrom(sealedBytes);
        }

        await foreach (var progress in Server.Calls.StreamAsync((c, o) => c.Open(request, o), RealSafe.Patience, Stop))
        {
            Opened = progress.Opened ?? Opened;
        }

        (Server.Session, Server.InsidePin) = (Opened!.Session, Opened.InsidePin);
        return Opened;
    }

    /// <summary>Takes the session up again with its token.</summary>
    public Task ResumeAsync() => Server.Calls.CallAsync(
        (c, o) => c.ResumeAsync(new ResumeRequest { Session = Opened!.Session, Token = Opened.Token }, o), RealSafe.Patience, Stop);

    public Task<StatusReply> StatusAsync() => Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), RealSafe.Patience, Stop);

    /// <summary>Answers challenges from now on.</summary>
    public Holding Hold() => holding = new Holding(Server.Calls.Renew(CancellationToken.None), Opened!.Session);

    public async Task LeaveAsync()
    {
        Told.Clear();
        using var over = new CancellationTokenSource();
        var sees = new TaskCompletionSource();
        var watching = WatchAsync(sees, over.Token);
        await Task.WhenAny(sees.Task, Task.Delay(PinnedTls.Limit, Stop));
        await foreach (var progress in Server.Calls.StreamAsync((c, o) => c.Leave(new LeaveRequest { Session = Opened!.Session }, o), LeaveLimit, Stop))
        {
            Tell(progress.Step);
        }

        await over.CancelAsync();
        await watching;
        holding?.Dispose();
    }

    // What hosts do while they are suspended is the inside's to tell.
    private async Task WatchAsync(TaskCompletionSource sees, CancellationToken stop)
    {
        try
        {
            using var call = Server.Inside.Watch(stop);
            await call.ResponseHeadersAsync;
            sees.SetResult();
            while (await call.ResponseStream.MoveNext(stop))
            {
                Tell(call.ResponseStream.Current.Step);
            }
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            // It has ended with the safe.
        }
        finally
        {
            sees.TrySetResult();
        }
    }

    private void Tell(Step? step)
    {
        lock (Told)
        {
            Told.Add(step?.Detail ?? "");
        }
    }

    /// <summary>The link is lost: nothing is said, the next call makes another connection.</summary>
    public void Drop()
    {
        holding?.Dispose();
        server?.Dispose();
        server = null;
    }

    /// <summary>A TLS connection of this device's own, for what gRPC would not say.</summary>
    public async Task<System.Net.Security.SslStream> DialAsync(CancellationToken stop)
    {
        using var certificate = Keys.CreateCertificate();
        return await new PinnedTls(certificate, Address.ServerPin).HandshakeAsync(await safe.ConnectAsync(stop), stop);
    }

    /// <summary>As <see cref="DialAsync"/>, to the inside that this device's session names.</summary>
    public async Task<System.Net.Security.SslStream> DialInsideAsync(CancellationToken stop)
    {
        using var certificate = Keys.CreateCertificate();
        var tls = new PinnedTls(certificate, Opened!.InsidePin.Memory, new System.Net.Security.SslApplicationProtocol(InsideProtocol.Name.ToArray()));
        return await tls.HandshakeAsync(await safe.ConnectAsync(stop), stop);
    }

    public void Dispose()
    {
        Drop();
        Keys.Dispose();
        Ck.Dispose();
    }

    public static byte[] Reveal(SecretBuffer secret)
    {
        using var lease = secret.Borrow();
        return lease.Span.ToArray();
    }

    /// <summary>A session's stream: each challenge is answered with itself.</summary>
    internal sealed class Holding : IDisposable
    {
        private readonly AsyncDuplexStreamingCall<LeaseAnswer, LeaseChallenge> call;
        private readonly TaskCompletionSource first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Holding(AsyncDuplexStreamingCall<LeaseAnswer, LeaseChallenge> call, ByteString session)
        {
            this.call = call;
            Ended = AnswerAsync(session);
        }

        public int Answered { get; private set; }

        public Task Begun => first.Task;

        /// <summary>Why it ended, as the member is told; null when the connection was lost.</summary>
        public Task<Ended?> Ended { get; }

        /// <summary>Answers nothing any more; the connection stays.</summary>
        public bool Silent { get; set; }

        public void Dispose() => call.Dispose();

        private async Task<Ended?> AnswerAsync(ByteString session)
        {
            try
            {
                await call.RequestStream.WriteAsync(new LeaseAnswer { Session = session });
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    first.TrySetResult();
                    var said = call.ResponseStream.Current;
                    if (said.Ended is { } ended)
                    {
                        return ended;
                    }

                    if (!said.Challenge.IsEmpty && !Silent)
                    {
                        await call.RequestStream.WriteAsync(new LeaseAnswer { Session = session, Challenge = said.Challenge });
                        Answered++;
                    }
                }
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or IOException or OperationCanceledException)
            {
                // The connection has gone.
            }

            first.TrySetResult();
            return null;
        }
    }
}
