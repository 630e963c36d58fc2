using Google.Protobuf;
using Safes.Client.Session;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;

namespace Safes.Client.Tests;

public sealed class Leases : IDisposable
{
    private readonly TestDevice device = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 30_000)]
    public async Task Each_challenge_is_answered_with_itself_and_the_end_is_told()
    {
        await using var fake = await FakeServer.StartAsync();
        var lease = Lease(fake);
        var kept = lease.KeepAsync(Stop);
        fake.Safe.Challenges.Writer.TryWrite(Challenge("one"));
        fake.Safe.Challenges.Writer.TryWrite(Challenge("two"));
        fake.Safe.Challenges.Writer.TryWrite(new LeaseChallenge { Ended = new Ended { Reason = "expired", Detail = "24 h" } });
        var end = await kept;
        Assert.Equal(("expired", "24 h", false), (end.Reason, end.Detail, end.Wanted));
        Assert.Equal(["one", "two"], fake.Safe.Answers.Select(System.Text.Encoding.ASCII.GetString));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_lost_connection_is_taken_up_again_by_the_token()
    {
        await using var fake = await FakeServer.StartAsync();
        var kept = Lease(fake).KeepAsync(Stop);
        var first = fake.Safe.Challenges;
        first.Writer.TryWrite(Challenge("one"));
        first.Writer.Complete();
        await Until(() => fake.Safe.Resumes == 1 && fake.Safe.Challenges != first);
        fake.Safe.Challenges.Writer.TryWrite(Challenge("two"));
        fake.Safe.Challenges.Writer.TryWrite(new LeaseChallenge { Ended = new Ended { Reason = "sealed" } });
        Assert.Equal("sealed", (await kept).Reason);
        Assert.Equal(2, fake.Safe.Answers.Count);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_session_that_the_server_does_not_know_any_more_ends_with_that_cause()
    {
        await using var fake = await FakeServer.StartAsync();
        fake.Safe.ResumeFault = FaultCodes.NoSession;
        var kept = Lease(fake).KeepAsync(Stop);
        fake.Safe.Challenges.Writer.Complete();
        Assert.Equal("no-session", (await kept).Reason);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_server_that_stays_away_ends_the_session_when_the_lease_is_over()
    {
        var fake = await FakeServer.StartAsync();
        fake.Safe.LeaseSeconds = 1;
        var kept = Lease(fake).KeepAsync(Stop);
        await fake.DisposeAsync();
        var end = await kept;
        Assert.Equal("connection-lost", end.Reason);
        Assert.Contains("the connection to the server was lost: the connection was away for", EndWords.Of("ledger", end));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_server_that_is_connected_but_says_nothing_is_as_lost_as_one_that_is_not()
    {
        await using var fake = await FakeServer.StartAsync();
        fake.Safe.LeaseSeconds = 1;
        fake.Safe.ResumeFault = FaultCodes.Expired;
        Assert.Equal("expired", (await Lease(fake).KeepAsync(Stop)).Reason);
    }

    [Theory(Timeout = 30_000)]
    [InlineData(true, "no-session")]
    [InlineData(false, "connection-lost")]
    public async Task A_device_that_slept_for_longer_than_its_lease_is_told_on_waking_why_its_session_ended(bool there, string reason)
    {
        var fake = await FakeServer.StartAsync();
        fake.Safe.ResumeFault = FaultCodes.NoSession;
        var clock = new SleepingClock();
        var kept = Lease(fake, clock: clock).KeepAsync(Stop);
        fake.Safe.Challenges.Writer.TryWrite(Challenge("one"));
        await Until(() => fake.Safe.Answers.Count == 1);
        if (!there)
        {
            await fake.DisposeAsync();
        }

        // The connection stands as far as the device knows, and no timer of its runtime has seen the hour.
        clock.Slept = TimeSpan.FromHours(1);
        var end = await kept.WaitAsync(TimeSpan.FromSeconds(20), Stop);
        Assert.Equal(reason, end.Reason);
        Assert.Equal(!there, EndWords.Cause(end).Contains("was away for 36", StringComparison.Ordinal));
        if (there)
        {
            await fake.DisposeAsync();
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task Notices_reach_whoever_listens()
    {
        await using var fake = await FakeServer.StartAsync();
        var told = new List<Notice>();
        var steps = new List<Step>();
        using var server = TestDevice.ServerOf(fake, device.Own(fake.Safe));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var watching = new InsideWatch(() => server, told.Add, steps.Add).RunAsync(over.Token);
        fake.Safe.Seen.Writer.TryWrite(new Seen { Notice = new Notice { Code = "expires", Text = "in an hour" } });
        fake.Safe.Seen.Writer.TryWrite(new Seen { Step = new Step { Name = "desk: suspend" } });
        await Until(() => told.Count + steps.Count == 2);
        await over.CancelAsync();
        await watching;
        Assert.Equal("in an hour", Assert.Single(told).Text);
        Assert.Equal("desk: suspend", Assert.Single(steps).Name);
    }

    public void Dispose() => device.Dispose();

    private static LeaseChallenge Challenge(string text) => new() { Challenge = ByteString.CopyFromUtf8(text) };

    private sealed class SleepingClock : TimeProvider
    {
        private long slept;

        public TimeSpan Slept { set => Volatile.Write(ref slept, value.Ticks); }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => BootClock.Now.Ticks + Volatile.Read(ref slept);
    }

    private Lease Lease(FakeServer fake, TimeProvider? clock = null)
    {
        var profile = device.Own(fake.Safe);
        var opened = new Opened
        {
            Session = ByteString.CopyFrom(fake.Safe.Session),
            Token = ByteString.CopyFrom(fake.Safe.Token),
            LeaseSeconds = fake.Safe.LeaseSeconds,
        };
        return new Lease(TestDevice.ServerOf(fake, profile), null, opened, TimeSpan.FromSeconds(1), clock: clock);
    }

    private static async Task Until(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(20, Stop);
        }
    }
}
