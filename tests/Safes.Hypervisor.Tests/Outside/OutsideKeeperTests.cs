using System.Net;
using Safes.Hypervisor.Outside;
using Safes.Linux;
using Safes.Rules;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Outside;

/// <summary>The way outside as the rules change, with hosts that are only remembered.</summary>
[Trait("needs", "root")]
public sealed class OutsideKeeperTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private static readonly StandingRule Git = Rule(1, "git.example.org"), Mirror = Rule(2, "mirror.example.org");

    private readonly FakeProxied hosts = new();
    private readonly DateTimeOffset now = DateTimeOffset.UnixEpoch.AddYears(60);
    private Func<DateTimeOffset>? clock;
    private IPAddress[] own = [];
    private TestVolume volume = null!;
    private StandingRule[] standing = [];

    public async ValueTask InitializeAsync() => volume = await TestVolume.OpenAsync();

    public ValueTask DisposeAsync() => volume.DisposeAsync();

    [Fact]
    public async Task A_rule_that_is_taken_away_stops_packets_before_the_proxy_is_asked_and_one_that_is_added_cuts_nothing()
    {
        await using var keeper = await KeepingAsync(Git);
        Assert.Equal(["serve changed"], await DoneAsync(keeper, Git, Mirror));
        Assert.Equal(["cut", "serve anew"], await DoneAsync(keeper, Git));
        Assert.Equal(["serve"], await DoneAsync(keeper, Git));
        Assert.Equal(["close", "remove", "tell none"], await DoneAsync(keeper));
        Assert.Empty(await DoneAsync(keeper));
    }

    [Theory]
    [InlineData("open", "cut", "open", "serve anew")]
    [InlineData("serve anew", "cut", "serve anew")]
    [InlineData("cut", "cut", "open", "serve anew")]
    public async Task A_change_that_could_not_be_put_in_force_is_when_it_is_tried_again(string fails, params string[] then)
    {
        await using var keeper = await KeepingAsync(Git, Rule(2, "mirror.example.org", port: 8443));
        hosts.Before = step => step == fails ? throw new IOException("not now") : Task.CompletedTask;
        standing = [Git];
        Assert.False(await keeper.KeepAsync());
        Assert.Equal("not now", keeper.Problem);
        hosts.Before = _ => Task.CompletedTask;
        Assert.Equal(then, await DoneAsync(keeper, Git));
        Assert.Null(keeper.Problem);
    }

    [Fact]
    public async Task A_change_that_only_adds_is_not_forgotten_where_the_packet_rules_failed_first()
    {
        await using var keeper = await KeepingAsync(Git);
        hosts.Before = step => step == "open" ? throw new IOException("not now") : Task.CompletedTask;
        standing = [Git, Rule(2, "mirror.example.org", port: 8443)];
        Assert.False(await keeper.KeepAsync());
        hosts.Before = _ => Task.CompletedTask;
        Assert.Equal(["open", "serve changed"], await DoneAsync(keeper, standing));
    }

    [Theory]
    [InlineData(true, "cut", "serve anew", "tell build")]
    [InlineData(false, "serve", "tell build")]
    public async Task A_proxy_that_was_taken_over_begins_anew_by_the_rules_and_one_that_was_resumed_has_them(bool adopted, params string[] then)
    {
        await using (await KeepingAsync(Git))
        {
        }

        await using var keeper = Keeper();
        standing = [Git];
        await keeper.PrepareAsync(() => standing, adopted);
        Assert.Equal(then, await DoneAsync(keeper, Git));
    }

    [Fact]
    public async Task Hosts_that_do_not_listen_keep_no_rule_from_ending()
    {
        await using var keeper = await KeepingAsync(Git);
        var never = new TaskCompletionSource();
        hosts.Before = step => step.StartsWith("tell", StringComparison.Ordinal) ? never.Task : Task.CompletedTask;
        hosts.Addresses = new Dictionary<string, IPAddress>(hosts.Addresses) { ["desk"] = IPAddress.Parse("10.83.17.11") };
        standing = [Git, Mirror with { Rule = ((AllowRule)Mirror.Rule) with { From = "desk" } }];
        Assert.True(await Task.Run(keeper.KeepAsync, TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken));
        standing = [];
        Assert.True(await Task.Run(keeper.KeepAsync, TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken));
        Assert.Equal(["close", "remove"], hosts.Done[^2..]);
        never.SetResult();
    }

    [Fact]
    public async Task Whoever_takes_a_rule_away_hears_whether_that_is_in_force()
    {
        await using var keeper = await KeepingAsync(Git, Mirror);
        standing = [Git];
        Assert.Null(await keeper.EnforceAsync(Limit, heard: false));
        standing = [Git, Mirror];
        Assert.Null(await keeper.EnforceAsync(Limit, heard: false));
        standing = [Git];
        hosts.Before = step => step == "serve anew" ? throw new IOException("no answer") : Task.CompletedTask;
        Assert.Equal("no answer", await keeper.EnforceAsync(Limit, heard: false));
        var never = new TaskCompletionSource();
        hosts.Before = step => step == "serve anew" ? never.Task : Task.CompletedTask;
        Assert.NotNull(await keeper.EnforceAsync(TimeSpan.FromMilliseconds(50), heard: false));
        never.SetResult();
    }

    [Fact]
    public async Task Whoever_gives_a_way_hears_whether_hosts_know_of_it_and_a_hostile_one_delays_no_end()
    {
        await using var keeper = await KeepingAsync(Git);
        var never = new TaskCompletionSource();
        hosts.Before = step => step.StartsWith("tell", StringComparison.Ordinal) ? never.Task : Task.CompletedTask;
        hosts.Addresses = new Dictionary<string, IPAddress>(hosts.Addresses) { ["desk"] = IPAddress.Parse("10.83.17.11") };
        standing = [Git, Mirror with { Rule = ((AllowRule)Mirror.Rule) with { From = "desk" } }];
        Assert.Equal("not every host has heard of it", await keeper.EnforceAsync(TimeSpan.FromMilliseconds(50), heard: true));
        Assert.Null(await keeper.EnforceAsync(Limit, heard: false));
        never.SetResult();
        Assert.Null(await keeper.EnforceAsync(Limit, heard: true));
    }

    [Fact]
    public async Task A_proxy_that_does_not_take_an_end_again_and_again_is_ended_itself()
    {
        await using var keeper = await KeepingAsync(Git, Mirror);
        hosts.Before = step => step == "serve anew" ? throw new IOException("no answer") : Task.CompletedTask;
        standing = [Git];
        for (int i = 0; i < 3; i++)
        {
            Assert.False(await keeper.KeepAsync());
        }

        Assert.DoesNotContain("end", hosts.Done);
        hosts.Before = _ => Task.CompletedTask;
        Assert.Equal(["cut", "end", "serve anew"], await DoneAsync(keeper, Git));
    }

    [Fact]
    public async Task A_rule_ends_by_itself_at_its_time_while_it_is_kept()
    {
        await using var keeper = await KeepingAsync(Git, Rule(2, "mirror.example.org", until: now.AddSeconds(1)));
        hosts.Done.Clear();
        var cut = new TaskCompletionSource();
        hosts.Before = step =>
        {
            if (step == "serve anew")
            {
                cut.TrySetResult();
            }

            return Task.CompletedTask;
        };
        var begin = BootClock.Now;
        var from = now;
        clock = () => from + (BootClock.Now - begin);
        keeper.Begin();
        await cut.Task.WaitAsync(Limit, TestContext.Current.CancellationToken);
        Assert.InRange((BootClock.Now - begin).TotalSeconds, 0.9, 15);
    }

    [Fact]
    public async Task A_long_log_is_put_aside_and_the_proxy_told_until_it_has_heard_it()
    {
        await using var keeper = await KeepingAsync(Git);
        string log = Path.Combine(volume.Safe, "rules/proxy/log/requests");
        await File.WriteAllBytesAsync(log, new byte[(int)ProxyFiles.MostLog + 1], TestContext.Current.CancellationToken);
        hosts.Before = step => step == "reopen" ? throw new IOException("no answer") : Task.CompletedTask;
        Assert.False(await keeper.KeepAsync());
        Assert.Equal(ProxyFiles.MostLog + 1, new FileInfo(log + ".1").Length);
        Assert.True(new FileInfo(log).Length == 0);
        hosts.Before = _ => Task.CompletedTask;
        Assert.Equal(["serve", "reopen"], await DoneAsync(keeper, Git));
        Assert.Equal(["serve"], await DoneAsync(keeper, Git));
    }

    [Fact]
    public async Task The_servers_own_addresses_are_out_of_reach_by_squid_and_by_packets()
    {
        own = [.. OwnAddresses.Of(((string[])["1.2.3.4", "10.1.2.3", "127.0.0.1", "2001:4860::1", "1.2.3.4"]).Select(IPAddress.Parse))];
        await using var keeper = await KeepingAsync(Git);
        Assert.Equal(["1.2.3.4/32"], hosts.Plan!.Unreachable.Except(Safes.Rules.Outside.Unreachable.V4));
        Assert.Contains(" 240.0.0.0/4 1.2.3.4\n", await File.ReadAllTextAsync(Path.Combine(volume.Safe, "rules/proxy/files/squid.conf"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        own = [IPAddress.Parse("1.2.3.5")];
        Assert.Equal(["open", "serve changed"], await DoneAsync(keeper, Git));
        Assert.NotNull(OwnAddresses.OfServer());
    }

    private OutsideKeeper Keeper() => new(new OutsideOptions
    {
        Safe = "ledger",
        Root = volume.Volume.Root,
        Hosts = hosts,
        World = hosts,
        Generation = () => 1,
        Trouble = (_, _) => { },
        Now = () => clock?.Invoke() ?? now,
        Own = () => own,
        Resolvers = () => [IPAddress.Parse("9.9.9.9")],
    });

    private async Task<OutsideKeeper> KeepingAsync(params StandingRule[] rules)
    {
        var keeper = Keeper();
        standing = rules;
        await keeper.PrepareAsync(() => standing, adopted: false);
        Assert.True(await keeper.KeepAsync(), keeper.Problem);
        hosts.Done.Clear();
        return keeper;
    }

    private async Task<string[]> DoneAsync(OutsideKeeper keeper, params StandingRule[] rules)
    {
        hosts.Done.Clear();
        standing = rules;
        Assert.True(await keeper.KeepAsync(), keeper.Problem);
        await keeper.Telling;
        return [.. hosts.Done];
    }

    private static StandingRule Rule(int number, string to, int port = 0, DateTimeOffset? until = null) =>
        new(number, new AllowRule("build", to, port, [], 0, 0, until?.ToUnixTimeSeconds() ?? 0), default, "Anna", default);
}
