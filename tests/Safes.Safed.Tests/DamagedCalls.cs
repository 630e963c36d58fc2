using System.Security.Cryptography;
using CsCheck;
using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Fuzzing;
using Safes.Linux;
using Safes.Rules;

namespace Safes.Safed.Tests;

/// <summary>Each call of the service with its own messages, one of them damaged, by an owner whose session stands.</summary>
[Trait("needs", "root")]
[Trait("fuzzes", "parsers")]
public sealed class DamagedCalls
{
    private const double Most = 150;

    /// <summary>At the least, of each call, however slow the machine.</summary>
    private const int Fewest = 25;

    /// <summary>Kestrel takes no more calls on a connection for some seconds where this many were refused before all of them was read.</summary>
    private const int MostRefused = 32;

    [Fact]
    public async Task Whatever_is_wrong_with_a_call_s_own_message_it_is_answered_or_refused_by_a_code_and_sessions_roster_and_rules_stay()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        var held = safe.Owner.Hold();
        using var bob = await safe.AdmitAsync("bob");
        await bob.OpenAsync();
        var other = bob.Hold();
        var right = await RightAsync(safe.Owner, bob.Opened!);
        byte[] roster = bob.Roster!.Head.ToArray();
        foreach (var method in RawCalls.Methods)
        {
            byte[][] messages = [.. right[method.Name].Select(m => m.ToByteArray())];
            var parser = method.InputType.Parser;
            RawCalls? calls = null;
            int tried = 0;
            for (var end = BootClock.Now + TimeSpan.FromSeconds(Fuzz.Seconds); tried < Fewest || BootClock.Now < end;)
            {
                int which = tried % messages.Length;
                byte[] damaged = Fuzz.Damaged([messages[which]]).Single();
                if (!Differs(parser, messages[which], damaged))
                {
                    continue;
                }

                if (tried++ % MostRefused == 0)
                {
                    calls?.Dispose();
                    calls = new RawCalls(safe.Owner, method.Service);
                }

                var (status, code) = await calls!.CallAsync(method.Name, safe.Owner.Opened!.Session, method.IsClientStreaming ? [.. messages[..which], damaged, .. messages[(which + 1)..]] : [damaged]);
                Assert.True(
                    status is StatusCode.OK || (code is not null && FaultCodes.Find(code) != FaultCodes.Internal),
                    $"{method.Name}, message {which}: {status} {code} for {Convert.ToHexStringLower(damaged)}\n{safe.Log}");
            }

            calls?.Dispose();
        }

        Assert.False(held.Ended.IsCompleted);
        Assert.False(other.Ended.IsCompleted);
        Assert.Equal(State.Open, (await safe.Owner.StatusAsync()).State);
        Assert.Equal(roster, (await safe.Owner.Server.HelloAsync(default)).Head.ToByteArray());
        Assert.Empty((await safe.Owner.Server.Inside.CallAsync((c, o) => c.GetRulesAsync(new RulesRequest(), o), RealSafe.Patience, default)).Entries);
        Assert.InRange(Footprint.Of(safe.Pid).Memory, 0, Most);
        await bob.LeaveAsync();
        await safe.Owner.LeaveAsync();
        Assert.False(safe.IsAttached);
    }

    /// <summary>Of each call the messages that it would take, of a stream in their order; signed ones are signed, paths are there.</summary>
    private static async Task<Dictionary<string, IMessage[]>> RightAsync(Laptop owner, Opened others)
    {
        static ByteString Some(int length) => ByteString.CopyFrom(RandomNumberGenerator.GetBytes(length));
        ByteString path = ByteString.CopyFromUtf8("outbox/words"), data = ByteString.CopyFromUtf8("words"), digest = ByteString.CopyFrom(SHA256.HashData("words"u8));
        var put = new PutRequest { File = new PutFile { Path = path, Length = 5, DataBytes = 5, ModifiedUnixNs = 1_700_000_000_000_000_000, Replace = true } };
        var roster = await owner.Server.FetchRosterAsync(owner.Roster, default);
        var rule = RuleEntry.Sign(RuleBook.Empty(roster.Safe), roster, owner.Keys.Device, owner.Keys.Signing, new DataOutRule(DataOut.FourEyes), DateTimeOffset.UtcNow);
        var key = await owner.Server.GetOneTimeKeyAsync(default);
        return new Dictionary<string, IMessage[]>
        {
            ["Hello"] = [new HelloRequest { ClientVersion = "1.0" }],
            ["GetRoster"] = [new RosterRequest { After = 1 }],
            ["GetOneTimeKey"] = [new OneTimeKeyRequest()],
            ["Claim"] = [new ClaimRequest { OneTimeKey = key.PublicKey, Sealed = Some(1192), Genesis = ByteString.CopyFrom(roster.Entries[0].Bytes.Span) }],
            ["Join"] = [new JoinRequest { OneTimeKey = key.PublicKey, Sealed = Some(1192), Entry = ByteString.CopyFrom(roster.Entries[^1].Bytes.Span) }],
            ["Open"] = [new OpenRequest { OneTimeKey = key.PublicKey, Sealed = Some(1192), Head = key.Head, Generation = key.Generation }],
            // Of another's session, which is not for this device.
            ["Resume"] = [new ResumeRequest { Session = others.Session, Token = others.Token }],
            ["Renew"] = [new LeaseAnswer { Session = others.Session }, new LeaseAnswer { Session = others.Session, Challenge = Some(32) }],
            ["Leave"] = [new LeaveRequest { Session = others.Session }],
            ["GetInside"] = [new InsideRequest()],
            ["Look"] = [new LookRequest()],
            ["GetStatus"] = [new StatusRequest()],
            ["SignSshKey"] = [new SshKeyRequest { PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEkO5gzOVyHFmBGN2T8kcHhNnnJb3jz1Fmb5uYJ3qJ6P anna" }],
            ["AddHost"] = [new AddHostRequest { Name = "h1", Image = "none", Cpus = 1, MemoryBytes = 128 << 20, DiskBytes = 3L << 30 }],
            ["StartHost"] = [new StartHostRequest { Name = "h1", Cold = true }],
            ["StopHost"] = [new HostRequest { Name = "h1" }],
            ["ResizeHost"] = [new ResizeHostRequest { Name = "h1", Cpus = 2, MemoryBytes = 256 << 20, DiskBytes = 4L << 30 }],
            ["RemoveHost"] = [new HostRequest { Name = "h1" }],
            ["GetNetwork"] = [new NetworkRequest()],
            ["ReadConsole"] = [new ConsoleRequest { Name = "h1", LastBytes = 4096 }],
            ["Put"] = [put, new PutRequest { Piece = new Piece { Data = data } }, new PutRequest { Piece = new Piece { Check = digest } }, new PutRequest { End = new PutEnd() }],
            ["Get"] = [new GetRequest { Path = path, Blocks = 1, Check = digest, Compare = true }, new GetRequest { Path = path }, new GetRequest { Path = path, Out = 1, Look = true }],
            ["ListFiles"] = [new ListFilesRequest { Path = ByteString.CopyFromUtf8("outbox"), All = true, Out = 1, Look = true }, new ListFilesRequest { All = true }],
            ["AskOut"] = [new AskOutRequest { Paths = { path }, Reason = "for the journal" }],
            ["ListOut"] = [new ListOutRequest()],
            ["ShowOut"] = [new OutNumber { Number = 1 }],
            ["DecideOut"] = [new DecideOutRequest { Number = 1, Approve = true, Reason = "seen", Digest = digest }],
            ["ReadOutLog"] = [new ReadOutLogRequest()],
            ["ChangeRoster"] = [new ChangeRosterRequest { OneTimeKey = key.PublicKey, Sealed = Some(1192), Entry = ByteString.CopyFrom(roster.Entries[^1].Bytes.Span), Head = key.Head }],
            ["GetRules"] = [new RulesRequest { After = 1 }],
            ["ChangeRules"] = [new ChangeRulesRequest { Entry = ByteString.CopyFrom(rule.Bytes.Span) }],
            ["ReadRuleLog"] = [new RuleLogRequest { LastBytes = 4096 }],
        };
    }

    /// <summary>Whether it is a message at all, and another one, not one with unknown fields alone; what is none is refused before any call sees it.</summary>
    private static bool Differs(MessageParser parser, byte[] right, byte[] damaged)
    {
        try
        {
            parser.ParseFrom(damaged);
            var known = parser.WithDiscardUnknownFields(true);
            return !known.ParseFrom(damaged).Equals(known.ParseFrom(right)) || right.Length == 0;
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }
}
