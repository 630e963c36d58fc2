#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the desk
using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts.V1;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Daemon;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Lifecycle;
using Safes.Secrets;
using State = Safes.Contracts.V1.State;

namespace Safes.Hypervisor.Tests.Api;

public sealed class SessionTests
{
    [Fact(Timeout = 30_000)]
    public async Task The_right_password_opens_and_the_device_is_let_through()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        var opened = await safe.OpenAsync(safe.Connect(safe.Ledger.Anna), safe.Ledger.Anna);
        Assert.Equal(16, opened.Session.Length);
        Assert.Equal(32, opened.Token.Length);
        Assert.Equal("anna", opened.Account);
        Assert.Single(safe.Desk.World.Allowed);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_wrong_password_is_refused_and_nothing_is_opened()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        using var wrong = SecretBuffer.Random(32);
        Assert.Equal("wrong-password", await LoopbackSafe.RefusedAsync(() => safe.OpenAsync(safe.Connect(safe.Ledger.Anna), safe.Ledger.Anna, wrong)));
        Assert.IsType<Closed>(safe.Desk.Daemon.State);
        Assert.Empty(safe.Desk.World.Performed);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_certificate_alone_is_no_session()
    {
        var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        await using var safe = await LoopbackSafe.StartAsync(ledger: ledger);
        await safe.OpenAsync(safe.Connect(ledger.Anna), ledger.Anna);
        var client = safe.Connect(bob);
        var hello = await client.HelloAsync(new HelloRequest());
        Assert.Equal((State.Open, false), (hello.State, hello.Holding));
        Assert.True((await safe.Connect(ledger.Anna).HelloAsync(new HelloRequest())).Holding);
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await safe.ConnectInside(bob).GetStatusAsync(new StatusRequest())));
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await client.GetInsideAsync(new InsideRequest())));
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await safe.ConnectInside(bob).SignSshKeyAsync(new SshKeyRequest { PublicKey = "ssh-ed25519 AAAA" })));
        Assert.Single(safe.Desk.World.Allowed);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_device_outside_the_roster_does_not_get_past_the_handshake()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        var stranger = safe.Ledger.NewPerson("eve");
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await safe.Connect(stranger).HelloAsync(new HelloRequest()));
        Assert.Null(refused.Trailers.GetValueBytes("fault-bin"));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_removed_device_is_refused_on_the_connection_it_has()
    {
        var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        await using var safe = await LoopbackSafe.StartAsync(ledger: ledger);
        var client = safe.Connect(bob);
        await client.HelloAsync(new HelloRequest());
        ledger.Remove(ledger.Anna, bob);
        Assert.Equal("unknown-device", await LoopbackSafe.RefusedAsync(async () => await client.HelloAsync(new HelloRequest())));
    }

    [Fact(Timeout = 30_000)]
    public async Task After_a_restart_the_token_brings_the_session_back_and_nothing_else_does()
    {
        var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        Opened opened;
        SessionRecord record;
        await using (var before = await LoopbackSafe.StartAsync())
        {
            // Another safe's: what matters is the record that lies on the volume.
            opened = await before.OpenAsync(before.Connect(before.Ledger.Anna), before.Ledger.Anna);
            record = SessionRecord.Of(before.Sessions.All.Single()) with { Device = Convert.ToHexStringLower(ledger.Anna.Device.ToBytes()) };
        }

        var id = new SessionId(new Guid(opened.Session.Span));
        var desk = new Desk(SafeLifecycle.Restart(new Findings(true, KeyFound.Present, true, true, [new AwaitedSession(id, Desk.Device(1))], TimeSpan.FromHours(2)), TimeSpan.FromHours(1), Desk.Terms));
        await using var safe = await LoopbackSafe.StartAsync(desk, ledger);
        safe.Sessions.Load([SessionRecord.Parse(record.Write())!.Live()]);
        var anna = safe.Connect(ledger.Anna);
        var request = new ResumeRequest { Session = opened.Session, Token = opened.Token };
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await safe.Connect(bob).ResumeAsync(request)));
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await anna.ResumeAsync(new ResumeRequest { Session = opened.Session, Token = ByteString.CopyFrom(new byte[32]) })));
        Assert.Empty(desk.World.Allowed);
        var back = await anna.ResumeAsync(request);
        Assert.Equal(opened.Session, back.Opened.Session);
        Assert.Single(desk.World.Allowed);
        await safe.ConnectInside(ledger.Anna).GetStatusAsync(new StatusRequest(), LoopbackSafe.In(back.Opened));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_copy_of_a_device_is_not_in_the_session_that_the_device_holds()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        var opened = await safe.OpenAsync(safe.Connect(safe.Ledger.Anna), safe.Ledger.Anna);
        var copy = safe.ConnectInside(safe.Ledger.Anna);
        var key = new SshKeyRequest { PublicKey = "ssh-ed25519 AAAA" };
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await copy.GetStatusAsync(new StatusRequest())));
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await copy.SignSshKeyAsync(key)));
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await copy.SignSshKeyAsync(
            key, LoopbackSafe.In(new Opened { Session = ByteString.CopyFrom(new byte[16]) }))));
        await copy.GetStatusAsync(new StatusRequest(), LoopbackSafe.In(opened));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_whole_connection_played_again_opens_nothing()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        using var relay = new RecordingRelay(safe.EndPoint);
        var client = safe.Connect(safe.Ledger.Anna, relay.EndPoint);
        var opened = await safe.OpenAsync(client, safe.Ledger.Anna);
        await LeaveAsync(client, opened);
        int performed = safe.Desk.World.Performed.Count;
        byte[] said = relay.Recorded;
        Assert.True(said.Length > 4000, "the recording has the whole opening in it: a one-time seal alone is over a kilobyte");

        await relay.PlayAgainAsync(said);
        Assert.IsType<Closed>(safe.Desk.Daemon.State);
        Assert.Equal(performed, safe.Desk.World.Performed.Count);
        Assert.Empty(safe.Sessions.All);
        // Control: the way that was recorded still opens, for who has the keys.
        await safe.OpenAsync(safe.Connect(safe.Ledger.Anna, relay.EndPoint), safe.Ledger.Anna);
    }

    [Fact(Timeout = 30_000)]
    public async Task Leaving_as_the_last_one_waits_until_it_is_closed()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        var client = safe.Connect(safe.Ledger.Anna);
        var opened = await safe.OpenAsync(client, safe.Ledger.Anna);
        var left = await LeaveAsync(client, opened);
        Assert.True(left?.Closed);
        Assert.IsType<Closed>(safe.Desk.Daemon.State);
        Assert.False(safe.Desk.World.Key);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_busy_volume_is_named_to_who_leaves_and_to_who_wants_to_open()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        var client = safe.Connect(safe.Ledger.Anna);
        var opened = await safe.OpenAsync(client, safe.Ledger.Anna);
        safe.Desk.World.Holder = new Safes.Lifecycle.Holder(4711, "backup", "open file");
        Assert.Equal("files-busy", await LoopbackSafe.RefusedAsync(async () =>
        {
            using var leaving = client.Leave(new LeaveRequest { Session = opened.Session });
            await foreach (var _ in leaving.ResponseStream.ReadAllAsync())
            {
            }
        }));
        Assert.Equal("files-busy", await LoopbackSafe.RefusedAsync(() => safe.OpenAsync(client, safe.Ledger.Anna)));
        safe.Desk.World.Holder = null;
    }

    [Fact(Timeout = 30_000)]
    public async Task A_failed_opening_is_told_with_its_cause_and_closes()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        safe.Desk.World.Before = (e, _) => e is AttachVolume
            ? Task.FromException(new Volumes.VolumeException(Volumes.VolumeRefusal.Missing, "/srv/volume")) : Task.CompletedTask;
        Assert.Equal("volume-missing", await LoopbackSafe.RefusedAsync(() => safe.OpenAsync(safe.Connect(safe.Ledger.Anna), safe.Ledger.Anna)));
        Assert.IsType<Closed>(safe.Desk.Daemon.State);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_device_that_opens_again_has_its_longest_time_anew_and_is_let_through_all_the_while()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        var client = safe.Connect(safe.Ledger.Anna);
        var first = await safe.OpenAsync(client, safe.Ledger.Anna);
        var ends = safe.Sessions.All.Single().EndsBy;
        using var renewing = client.Renew();
        await renewing.RequestStream.WriteAsync(new LeaseAnswer { Session = first.Session });
        await renewing.ResponseStream.MoveNext(TestContext.Current.CancellationToken);
        int performed = safe.Desk.World.Performed.Count;
        safe.Desk.Clock.Pass(TimeSpan.FromSeconds(80));
        var second = await safe.OpenAsync(safe.Connect(safe.Ledger.Anna), safe.Ledger.Anna);
        Assert.True(second.JoinedOpen);
        Assert.NotEqual(first.Session, second.Session);
        Assert.Equal(ends + TimeSpan.FromSeconds(80), safe.Sessions.All.Single().EndsBy);
        var allowed = safe.Desk.World.Performed.Skip(performed).OfType<AllowDevices>().ToList();
        Assert.NotEmpty(allowed);
        Assert.All(allowed, a => Assert.Single(a.Devices));
        while (await renewing.ResponseStream.MoveNext(TestContext.Current.CancellationToken) && renewing.ResponseStream.Current.Ended is null)
        {
        }

        Assert.Equal("replaced", renewing.ResponseStream.Current.Ended?.Reason);
        Assert.Equal("no-session", await LoopbackSafe.RefusedAsync(async () => await safe.ConnectInside(safe.Ledger.Anna).GetStatusAsync(new StatusRequest(), LoopbackSafe.In(first))));
        await safe.ConnectInside(safe.Ledger.Anna).GetStatusAsync(new StatusRequest(), LoopbackSafe.In(second));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_lease_is_kept_by_answering()
    {
        await using var safe = await LoopbackSafe.StartAsync();
        var client = safe.Connect(safe.Ledger.Anna);
        var opened = await safe.OpenAsync(client, safe.Ledger.Anna);
        safe.Desk.Clock.Pass(TimeSpan.FromSeconds(80));
        using var renewing = client.Renew();
        await renewing.RequestStream.WriteAsync(new LeaseAnswer { Session = opened.Session });
        await renewing.ResponseStream.MoveNext(TestContext.Current.CancellationToken);
        await renewing.RequestStream.WriteAsync(new LeaseAnswer { Session = opened.Session, Challenge = renewing.ResponseStream.Current.Challenge });
        var until = safe.Desk.Daemon.Now + Desk.Terms.Lease;
        await safe.Desk.Daemon.WhenAsync(s => s is Safes.Lifecycle.Open o && o.Sessions[0].LeaseUntil == until, TestContext.Current.CancellationToken);
    }

    private static async Task<Left?> LeaveAsync(Safe.SafeClient client, Opened opened)
    {
        using var leaving = client.Leave(new LeaveRequest { Session = opened.Session });
        Left? left = null;
        await foreach (var progress in leaving.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            left = progress.Left ?? left;
        }

        return left;
    }
}
