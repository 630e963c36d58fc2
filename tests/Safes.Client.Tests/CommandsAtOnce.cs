using Safes.Client.Profile;
using Safes.Client.Rules;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Keys;
using Safes.Roster;
using Safes.Rules;

namespace Safes.Client.Tests;

/// <summary>Commands of one device at the same time: what one has seen no other one forgets, and nothing locks the device out.</summary>
public sealed class CommandsAtOnce : IDisposable
{
    private const int Rounds = 40;

    private readonly TestDevice device = new();
    private readonly FakeSafe safe = new(new byte[32]);
    private readonly SafeProfile profile;

    public CommandsAtOnce() => profile = device.Own(safe);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 120_000)]
    public async Task What_one_command_has_seen_of_the_members_no_other_one_at_the_same_time_forgets()
    {
        var current = profile.Roster;
        for (int round = 0; round < Rounds; round++)
        {
            var longer = With(current, $"member {round}");
            SafeProfile[] commands = [.. Enumerable.Range(0, 4).Select(_ => SafeProfile.Load(device.Places, "ledger"))];
            using var begin = new Barrier(commands.Length);
            await Task.WhenAll(commands.Select((c, i) => Task.Factory.StartNew(
                () =>
                {
                    begin.SignalAndWait(Stop);
                    c.Remember(i == 0 ? longer : current, i == 1 ? new Dictionary<string, string> { ["debian-13"] = $"{round}" } : null);
                },
                Stop, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            using var after = SafeProfile.Load(device.Places, "ledger");
            Assert.Equal((longer.Count, $"{round}"), (after.Roster.Count, after.Known.Images["debian-13"]));
            Array.ForEach(commands, c => c.Dispose());
            current = longer;
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_profile_read_while_another_command_writes_it_is_never_taken_for_damaged()
    {
        var rosters = new List<SafeRoster> { profile.Roster };
        for (int i = 0; i < Rounds; i++)
        {
            rosters.Add(With(rosters[^1], $"member {i}"));
        }

        using var over = new CancellationTokenSource();
        var reading = Task.Factory.StartNew(
            () =>
            {
                int read = 0;
                for (int last = 0; !over.IsCancellationRequested; read++)
                {
                    using var seen = SafeProfile.Load(device.Places, "ledger");
                    Assert.InRange(seen.Known.Entries, last, rosters.Count);
                    last = seen.Known.Entries;
                }

                return read;
            },
            Stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        foreach (var roster in rosters)
        {
            profile.Remember(roster);
        }

        await over.CancelAsync();
        Assert.NotEqual(0, await reading);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_roster_behind_its_known_head_is_fetched_and_one_that_does_not_reach_it_is_refused_before_the_password()
    {
        await using var fake = await FakeServer.StartAsync();
        using var other = new TestDevice();
        using var owner = other.Own(fake.Safe);
        byte[] behind = await File.ReadAllBytesAsync(Path.Combine(owner.Home, "roster"), Stop);
        var first = owner.Roster;
        fake.Safe.Roster = With(first, "bob", owner);
        owner.Remember(fake.Safe.Roster);
        PrivateFile.Write(Path.Combine(owner.Home, "roster"), behind);

        using (var read = SafeProfile.Load(other.Places, "ledger"))
        {
            using var server = TestDevice.ServerOf(fake, read);
            Assert.Equal((1, 2), (read.Roster.Count, read.Known.Entries));
            read.Remember(await server.FetchRosterAsync(read.Roster, Stop));
            Assert.Equal(2, SafeProfile.Load(other.Places, "ledger").Roster.Count);
        }

        PrivateFile.Write(Path.Combine(owner.Home, "roster"), behind);
        using var again = SafeProfile.Load(other.Places, "ledger");
        Assert.Equal(FaultCodes.RosterForked, Assert.Throws<FaultException>(() => again.Remember(first)).Code);
        Assert.Equal(FaultCodes.RosterForked, Assert.Throws<FaultException>(() => again.Remember(With(first, "carol", owner))).Code);
        Assert.Equal(2, SafeProfile.Load(other.Places, "ledger").Known.Entries);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_rule_that_comes_second_is_signed_anew_and_what_was_seen_of_rules_never_goes_back()
    {
        await using var fake = await FakeServer.StartAsync();
        using var other = new TestDevice();
        using var owner = other.Own(fake.Safe);
        using var server = TestDevice.ServerOf(fake, owner);
        var rules = new RuleChange(owner, server);
        var one = await rules.AppendAsync(new ExposeRule("desk", 80), Stop);
        fake.Safe.RulesMoved = 2;
        var two = await rules.AppendAsync(new ExposeRule("desk", 81), Stop);
        Assert.Equal(2, two.Entries.Count);
        fake.Safe.RulesMoved = 100;
        Assert.Equal(FaultCodes.Moved, (await Assert.ThrowsAsync<FaultException>(() => rules.AppendAsync(new ExposeRule("desk", 82), Stop))).Code);

        RulesSeen.Keep(owner, one, owner.Roster);    // a command that looked before the second one was there
        Assert.Equal(2, RulesSeen.Find(owner).Count);
        var later = With(owner.Roster, "bob", owner);
        RulesSeen.Keep(owner, two, later);
        RulesSeen.Keep(owner, two, owner.Roster);
        Assert.Equal(Convert.ToHexStringLower(later.Head.Span), RulesSeen.Find(owner).RosterHead);
    }

    public void Dispose()
    {
        profile.Dispose();
        device.Dispose();
    }

    private SafeRoster With(SafeRoster roster, string name, SafeProfile? owner = null)
    {
        using var keys = DeviceKeys.Generate(name, "desktop", Argon2Parameters.Floor);
        using var seed = KemKeyPair.NewSeed();
        owner ??= profile;
        return roster.Extend(AddMember.Sign(roster, owner.Keys.Device, owner.Keys.Signing, keys.Identity(seed), owner: false));
    }
}
