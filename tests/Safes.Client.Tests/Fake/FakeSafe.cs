using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Tests.Fake;

/// <summary>
/// The other side of the protocol, without kernel and hosts: rosters, one-time keys and seals are the real ones; in place of a
/// volume there is a table of each device's CK.
/// </summary>
public sealed partial class FakeSafe(byte[] serverPin) : Safe.SafeBase
{
    private readonly ConcurrentDictionary<string, SecretBuffer> oneTime = new();
    private readonly Dictionary<DeviceId, SecretBuffer> passwords = [];
    private readonly byte[] share = RandomNumberGenerator.GetBytes(32);

    public byte[] ServerPin { get; set; } = serverPin;

    public string Name { get; init; } = "ledger";

    public SafeRoster? Roster { get; set; }

    public IdFile? FirstOwner { get; set; }

    public byte[] GatewayKey { get; init; } = RandomNumberGenerator.GetBytes(32);

    public string Endpoint { get; init; } = "127.0.0.1:51820";

    public byte[] Init { get; } = RandomNumberGenerator.GetBytes(16);

    public State State { get; set; } = State.Unclaimed;

    public TimeSpan ClockOff { get; set; }

    public uint LeaseSeconds { get; set; } = 90;

    /// <summary>What answers differently from the real roster.</summary>
    public Func<IEnumerable<ReadOnlyMemory<byte>>, IEnumerable<ReadOnlyMemory<byte>>> Shown { get; set; } = all => all;

    public int Opens { get; private set; }

    /// <summary>What happens before an opening, or a leave, is answered.</summary>
    public Action? WhileOpening { get; set; }

    public Action? WhileLeaving { get; set; }

    /// <summary>How many openings from now on are done, and their answers lost.</summary>
    public int LostAnswers { get; set; }

    public int OneTimeKeys { get; private set; }

    public ConcurrentQueue<byte[]> Answers { get; } = new();

    /// <summary>What the lease's stream says next; completing it cuts the stream.</summary>
    public System.Threading.Channels.Channel<LeaseChallenge> Challenges { get; set; } = System.Threading.Channels.Channel.CreateUnbounded<LeaseChallenge>();

    public int Resumes { get; private set; }

    public FaultCode? ResumeFault { get; set; }

    public List<Host> Hosts { get; } = [];

    /// <summary>Put into every text that it sends.</summary>
    public string Evil { get; set; } = "";

    public byte[] Token { get; } = RandomNumberGenerator.GetBytes(32);

    public byte[] Session { get; private set; } = RandomNumberGenerator.GetBytes(16);

    public uint MaxSeconds { get; set; } = 86400;

    public Func<SshKeyRequest, string> SignSsh { get; set; } = _ => "ssh-ed25519-cert-v01@openssh.com AAAA";

    public AddressFile AddressFor(DeviceId device, int index) => new(
        Name, Endpoint, GatewayKey, ServerPin, Init, new IPNetwork(IPAddress.Parse("10.77.16.0"), 20), device,
        IPAddress.Parse($"10.77.16.{2 + index}"), Roster?.Safe, Roster?.Head.ToArray(), Roster?.Count ?? 0);

    public bool Admits(byte[] pin) =>
        Roster is { } r ? r.FindDeviceByPin(pin) is not null : FirstOwner is { } first && first.Identity.TlsPin.AsSpan().SequenceEqual(pin);

    public override Task<HelloReply> Hello(HelloRequest request, ServerCallContext context) => Task.FromResult(new HelloReply
    {
        ServerVersion = "test",
        Name = Name,
        State = State,
        Head = Bytes(Roster?.Head ?? default),
        Entries = (ulong)(Roster?.Count ?? 0),
        UnixMilliseconds = (DateTimeOffset.UtcNow + ClockOff).ToUnixTimeMilliseconds(),
        Images = { new ImageDigest { Name = "debian-13", Sha256 = ByteString.CopyFrom(SHA256.HashData("image"u8)) } },
        Joined = Me(context) is { Joined: true },
        Holding = Holding,
    });

    /// <summary>Whether it says that a session of the device holds it.</summary>
    public bool Holding { get; set; }

    public override Task<RosterReply> GetRoster(RosterRequest request, ServerCallContext context) => Task.FromResult(new RosterReply
    {
        Entries = { Shown(Roster!.Entries.Select(e => e.Bytes)).Skip((int)request.After).Select(Bytes) },
    });

    /// <summary>The rules' chain as it is shown.</summary>
    public List<ByteString> Rules { get; } = [];

    /// <summary>How many entries go into one answer.</summary>
    public int RulesAtOnce { get; set; } = 2;

    /// <summary>Why what was changed is not in force yet.</summary>
    public string RulesWaiting { get; set; } = "";

    /// <summary>How often it is asked for until it is; negative: for ever.</summary>
    public int RulesWaitingFor { get; set; } = -1;

    public string RulesProblem { get; set; } = "";

    public Task<RulesReply> GetRules(RulesRequest request, ServerCallContext context) => Task.FromResult(new RulesReply
    {
        Entries = { Rules.Skip((int)request.After).Take(RulesAtOnce) },
        More = (int)request.After + RulesAtOnce < Rules.Count,
        Problem = RulesProblem,
        Waiting = request.InForce && RulesWaitingFor-- != 0 ? RulesWaiting : "",
    });

    /// <summary>How many changes of rules from now on come too late: another's entry is first.</summary>
    public int RulesMoved { get; set; }

    public Task<ChangeRulesReply> ChangeRules(ChangeRulesRequest request, ServerCallContext context)
    {
        if (RulesMoved-- > 0)
        {
            throw Fault(FaultCodes.Moved);
        }

        Rules.Add(request.Entry);
        return Task.FromResult(new ChangeRulesReply { Number = (uint)Rules.Count, Waiting = RulesWaiting });
    }

    public override Task<OneTimeKeyReply> GetOneTimeKey(OneTimeKeyRequest request, ServerCallContext context)
    {
        OneTimeKeys++;
        var seed = KemKeyPair.NewSeed();
        byte[] pk = KemKeyPair.PublicKey(seed);
        oneTime[Convert.ToHexString(pk)] = seed;
        return Task.FromResult(new OneTimeKeyReply
        {
            PublicKey = ByteString.CopyFrom(pk),
            Head = Bytes(Roster?.Head ?? default),
            Generation = 1,
            ServerShare = Roster is null ? ByteString.CopyFrom(share) : ByteString.Empty,
            TriesLeft = 3,
        });
    }

    public override async Task Claim(ClaimRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context)
    {
        var roster = SafeRoster.Replay([request.Genesis.Memory]);
        Assert.Equal(SHA512.HashData(share), roster.Genesis.ServerShareHash);
        var device = roster.Devices[0];
        using var opened = Open(Purpose.Claim, roster.Safe, device, request.OneTimeKey, request.Sealed, [], 0, request.Genesis.Span, 96);
        Keep(device.Id, opened);
        Roster = roster;
        State = State.Closed;
        await stream.WriteAsync(new Progress { Step = new Step { Name = "volume", Done = true } });
    }

    public override Task<JoinReply> Join(JoinRequest request, ServerCallContext context)
    {
        var device = Me(context)!;
        using var opened = Open(Purpose.Join, Roster!.Safe, device, request.OneTimeKey, request.Sealed, Roster.Head.Span, 1, request.Entry.Span, 96);
        Roster = Roster.Extend([request.Entry.Memory]);
        Keep(device.Id, opened);
        return Task.FromResult(new JoinReply { Generation = 2, Head = Bytes(Roster.Head) });
    }

    public override async Task Open(OpenRequest request, IServerStreamWriter<OpenProgress> stream, ServerCallContext context)
    {
        Opens++;
        var device = Me(context)!;
        using var ck = Open(Purpose.Open, Roster!.Safe, device, request.OneTimeKey, request.Sealed, request.Head.Span, request.Generation, [], 32);
        if (!passwords[device.Id].ContentEquals(ck))
        {
            throw Fault(FaultCodes.WrongPassword, ("device", "laptop" + Evil));
        }

        WhileOpening?.Invoke();
        if (State == State.Open)
        {
            // A device has one session: the new one takes the old one's place.
            var old = Challenges;
            (Session, Challenges) = (RandomNumberGenerator.GetBytes(16), System.Threading.Channels.Channel.CreateUnbounded<LeaseChallenge>());
            old.Writer.TryWrite(new LeaseChallenge { Ended = new Ended { Reason = "replaced" } });
        }

        State = State.Open;
        if (LostAnswers > 0)
        {
            LostAnswers--;
            context.GetHttpContext().Abort();
            return;
        }

        await stream.WriteAsync(new OpenProgress { Step = new Step { Name = "volume" + Evil, WaitsFor = "the kernel" + Evil } });
        await stream.WriteAsync(new OpenProgress { Step = new Step { Name = "marker" + Evil, Done = true, Detail = "right" + Evil } });
        await stream.WriteAsync(new OpenProgress { Opened = Opened() });
    }

    public override Task<ResumeReply> Resume(ResumeRequest request, ServerCallContext context)
    {
        Resumes++;
        return ResumeFault is { } fault || !request.Token.Span.SequenceEqual(Token)
            ? throw Fault(ResumeFault ?? FaultCodes.NoSession)
            : Task.FromResult(new ResumeReply { Opened = Opened() });
    }

    public override async Task Renew(IAsyncStreamReader<LeaseAnswer> answers, IServerStreamWriter<LeaseChallenge> stream, ServerCallContext context)
    {
        Assert.True(await answers.MoveNext(context.CancellationToken));
        Assert.True(answers.Current.Challenge.IsEmpty);
        var challenges = Challenges;
        await foreach (var challenge in challenges.Reader.ReadAllAsync(context.CancellationToken))
        {
            await stream.WriteAsync(challenge);
            if (!challenge.Challenge.IsEmpty && await answers.MoveNext(context.CancellationToken))
            {
                Answers.Enqueue(answers.Current.Challenge.ToByteArray());
            }
        }

        Challenges = System.Threading.Channels.Channel.CreateUnbounded<LeaseChallenge>();
        context.GetHttpContext().Abort();
    }

    public override async Task Leave(LeaveRequest request, IServerStreamWriter<LeaveProgress> stream, ServerCallContext context)
    {
        WhileLeaving?.Invoke();
        State = State.Closed;
        await stream.WriteAsync(new LeaveProgress { Step = new Step { Name = "hosts suspended", Done = true, Detail = $"{Hosts.Count}" + Evil } });
        await stream.WriteAsync(new LeaveProgress { Step = new Step { Name = "key removed" + Evil, Done = true } });
        await stream.WriteAsync(new LeaveProgress { Left = new Left { Closed = Evil.Length == 0, HeldBy = { "bob" + Evil } } });
    }

    public Task<StatusReply> GetStatus(StatusRequest request, ServerCallContext context) => Task.FromResult(new StatusReply
    {
        Warnings = { Evil.Length > 0 ? [Evil] : Session.AsSpan().SequenceEqual(context.RequestHeaders.GetValueBytes(CallHeaders.Session)) ? [] : ["no-session"] },
        State = State,
        SinceUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
        Holders = { new Holder { Member = "anna" + Evil, Device = "laptop" + Evil } },
        Hosts = { Hosts },
        Share = { Evil.Length > 0 ? [new ShareTrouble { Text = Evil, Hosts = { Evil } }] : [] },
        VolumeBytes = 150UL << 30,
        VolumeFreeBytes = 138UL << 30,
        ShareBytes = 12UL << 30,
    });

    public Task<SshKeyReply> SignSshKey(SshKeyRequest request, ServerCallContext context) =>
        Task.FromResult(new SshKeyReply { Certificate = SignSsh(request), Seconds = 300 });

    public async Task AddHost(AddHostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context)
    {
        if (Hosts.Any(h => h.Name == request.Name))
        {
            throw Fault(FaultCodes.HostExists, ("host", request.Name + Evil));
        }

        var host = new Host { Name = request.Name, State = "running", Cpus = 2, MemoryBytes = 2UL << 30, Address = $"10.77.17.{10 + Hosts.Count}", Note = Evil, Image = "debian-13" + Evil };
        Hosts.Add(host);
        await stream.WriteAsync(new Progress { Step = new Step { Name = "image" + Evil, Done = true, Detail = Evil }, Host = host });
    }

    public Task StopHost(HostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context) =>
        ChangeAsync(request.Name, h => h.State == "running" ? "stopped" : throw Fault(FaultCodes.HostStopped, ("host", h.Name)), stream);

    public Task StartHost(StartHostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context) =>
        ChangeAsync(request.Name, h => h.State != "running" ? "running" : throw Fault(FaultCodes.HostRunning, ("host", h.Name)), stream);

    public Task ResizeHost(ResizeHostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context) =>
        ChangeAsync(
            request.Name,
            h =>
            {
                if (request.DiskBytes is > 0 and < 20UL << 30)
                {
                    throw Fault(FaultCodes.HostDisk, ("host", h.Name), ("why", "size"), ("wanted", $"{request.DiskBytes}"), ("least", $"{20UL << 30}"));
                }

                (h.NextCpus, h.NextMemoryBytes, h.NextDiskBytes) = (request.Cpus, request.MemoryBytes, request.DiskBytes);
                return h.State;
            }, stream);

    public async Task ReadConsole(ConsoleRequest request, IServerStreamWriter<ConsoleChunk> stream, ServerCallContext context) =>
        await stream.WriteAsync(new ConsoleChunk { Data = ByteString.CopyFrom([.. System.Text.Encoding.UTF8.GetBytes($"{request.Name} login: \u001b[2J{Evil}\n"), .. Evil.Length > 0 ? (byte[])[0xc3, 0x28, 0x9b, 0xff, 0xed, 0xa0, 0x80, 0xf0, 0x9f] : []]) });

    public override Task<ChangeRosterReply> ChangeRoster(ChangeRosterRequest request, ServerCallContext context)
    {
        var device = Me(context)!;
        using var ck = Open(
            Purpose.ChangeRoster, Roster!.Safe, device, request.OneTimeKey, request.Sealed, Roster.Head.Span, 1, [.. request.Entry.Span, .. request.Head.Span], 32);
        if (!passwords[device.Id].ContentEquals(ck))
        {
            throw Fault(FaultCodes.WrongPassword);
        }

        Roster = Roster.Extend([request.Entry.Memory]);
        Assert.True(Roster.Head.Span.SequenceEqual(request.Head.Span));
        return Task.FromResult(new ChangeRosterReply { Generation = 2, Head = Bytes(Roster.Head), DeviceAddress = "10.77.16.3" });
    }

    private async Task ChangeAsync(string name, Func<Host, string> change, IServerStreamWriter<Progress> stream)
    {
        var host = Hosts.FirstOrDefault(h => h.Name == name) ?? throw Fault(FaultCodes.HostUnknown, ("host", name + Evil));
        host.State = change(host);
        await stream.WriteAsync(new Progress { Host = host });
    }

    public override Task<InsideReply> GetInside(InsideRequest request, ServerCallContext context) =>
        InsidePin is { IsEmpty: true } ? throw new RpcException(new Status(StatusCode.Unimplemented, "there is no such call"))
        : Task.FromResult(new InsideReply { Pin = InsidePin ?? ByteString.CopyFrom(ServerPin), Session = ByteString.CopyFrom(Session) });

    /// <summary>What is told as the inside's key in place of the one that answers there; empty: there is no such call.</summary>
    public ByteString? InsidePin { get; set; }

    public Task<LookReply> Look(LookRequest request, ServerCallContext context) => Task.FromResult(new LookReply
    {
        SshHostCa = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG9uZSB0aGF0IGlzIG9mIG5vIHVzZSBhdCBhbGwh ca",
        Hosts = { Hosts },
    });

    /// <summary>What the inside tells next.</summary>
    public System.Threading.Channels.Channel<Seen> Seen { get; } = System.Threading.Channels.Channel.CreateUnbounded<Seen>();

    public async Task Watch(WatchRequest request, IServerStreamWriter<Seen> stream, ServerCallContext context)
    {
        await foreach (var one in Seen.Reader.ReadAllAsync(context.CancellationToken))
        {
            await stream.WriteAsync(one);
        }
    }

    private static RpcException Fault(FaultCode code, params (string Key, string Value)[] details)
    {
        var fault = new Fault { Code = code.Code };
        foreach (var (key, value) in details)
        {
            fault.Details.Add(key, value);
        }

        return new RpcException(new Status(StatusCode.FailedPrecondition, code.Code), new Metadata { { "fault-bin", fault.ToByteArray() } });
    }

    private static ByteString Bytes(ReadOnlyMemory<byte> bytes) => ByteString.CopyFrom(bytes.Span);

    private Device? Me(ServerCallContext context) =>
        Roster?.FindDeviceByPin(TlsIdentity.Pin(context.GetHttpContext().Connection.ClientCertificate!));

    private Opened Opened() => new()
    {
        Session = ByteString.CopyFrom(Session),
        Token = ByteString.CopyFrom(Token),
        InsidePin = ByteString.CopyFrom(ServerPin),
        LeaseSeconds = LeaseSeconds,
        ChallengeSeconds = 25,
        MaxSeconds = MaxSeconds,
        Account = "anna",
        Zone = Name,
    };

    private SecretBuffer Open(
        Purpose purpose, SafeId safe, Device device, ByteString key, ByteString box, ReadOnlySpan<byte> head, ulong generation, ReadOnlySpan<byte> request, int length)
    {
        Assert.True(oneTime.TryRemove(Convert.ToHexString(key.Span), out var seed));
        byte[] aad = OpenAad.Encode(purpose, safe, device.Id, device.TlsPin, ServerPin, key.Span, head, generation, request);
        using (seed)
        {
            return OneTimeSeal.Open(seed, box.Span, aad, length) ?? throw Fault(FaultCodes.BadRequest, ("what", "the seal does not open"));
        }
    }

    private void Keep(DeviceId device, SecretBuffer opened)
    {
        using var bytes = opened.Borrow();
        passwords[device] = SecretBuffer.Take(bytes.Span[..32]);
    }
}
