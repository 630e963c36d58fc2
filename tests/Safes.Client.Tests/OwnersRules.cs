using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Client.Rules;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Keys;
using Safes.Roster;
using Safes.Rules;

namespace Safes.Client.Tests;

public sealed class OwnersRules : IAsyncLifetime
{
    private static readonly ExposeRule Notebook = new("desk", 8888);

    private readonly TestDevice device = new();

    private FakeServer fake = null!;

    private SafeProfile profile = null!;

    private Server server = null!;

    private RuleChange rules = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        fake = await FakeServer.StartAsync();
        profile = device.Own(fake.Safe);
        server = TestDevice.ServerOf(fake, profile);
        rules = new RuleChange(profile, server);
    }

    public async ValueTask DisposeAsync()
    {
        server.Dispose();
        profile.Dispose();
        await fake.DisposeAsync();
        device.Dispose();
    }

    [Fact(Timeout = 60_000)]
    public async Task An_owner_s_rules_are_verified_signed_and_handed_over_and_others_learn_whom_to_ask()
    {
        for (int port = 1; port <= 5; port++)
        {
            await rules.AppendAsync(new ExposeRule("desk", port), Stop);
        }

        await rules.AppendAsync(new RemoveRule(2), Stop);
        Assert.Equal([1, 3, 4, 5], (await rules.FetchAsync(Stop)).Standing.Select(s => s.Number));
        var twice = await Assert.ThrowsAsync<FaultException>(() => rules.AppendAsync(new ExposeRule("desk", 4), Stop));
        Assert.Equal((FaultCodes.RuleRefused, "rule 4 says the same"), (twice.Code, twice.Details["why"]));
        Assert.Equal(6, fake.Safe.Rules.Count);
    }

    [Fact(Timeout = 60_000)]
    public async Task Whoever_allows_something_waits_until_it_is_in_force()
    {
        (fake.Safe.RulesWaiting, fake.Safe.RulesWaitingFor) = ("the proxy boots\u001b[2J", 1);
        await rules.AppendAsync(new AllowRule("desk", "git.example.org", 0, [], 0, 0, 0), Stop);
        Assert.Equal("the proxy boots\ufffd[2J", rules.Waiting);
        await rules.AwaitInForceAsync(Stop);
        Assert.Equal(("", -1), (rules.Waiting, fake.Safe.RulesWaitingFor));
    }

    [Fact(Timeout = 60_000)]
    public async Task Nobody_who_was_removed_adds_rules_with_the_server_s_help()
    {
        var bob = DeviceKeys.Generate("bob", "laptop", Argon2Parameters.Floor);
        using var seed = KemKeyPair.NewSeed();
        var (safe, anna) = (fake.Safe, profile.Keys);
        Roster(AddMember.Sign(safe.Roster!, anna.Device, anna.Signing, bob.Identity(seed), owner: true));
        var with = safe.Roster!;
        await rules.AppendAsync(Notebook, Stop);
        var book = await rules.FetchAsync(Stop);
        var late = RuleEntry.Sign(book, with, bob.Device, bob.Signing, new DataOutRule(DataOut.Free), DateTimeOffset.UnixEpoch);
        Roster(RemoveMember.Sign(with, anna.Device, anna.Signing, with.Members.Single(m => m.Name == "bob").Id));

        // The chain alone does not show it; who looked after he was removed knows it.
        Assert.Equal(2, RuleBook.Replay(safe.Roster!.Safe, [.. safe.Rules.Select(r => (ReadOnlyMemory<byte>)r.ToByteArray()), late.Bytes], safe.Roster).Entries.Count);
        profile.Remember(await server.FetchRosterAsync(profile.Roster, Stop), profile.Known.Images);
        await rules.CheckSeenAsync(Stop);
        safe.Rules.Add(Of(late));
        string why = "entry 2 is new, and signed by who was no owner any more when this device looked last";
        foreach (var look in (Func<Task>[])[() => rules.FetchAsync(Stop), () => rules.CheckSeenAsync(Stop), () => rules.AppendAsync(new ExposeRule("desk", 9), Stop)])
        {
            var fault = await Assert.ThrowsAsync<FaultException>(look);
            Assert.Equal((FaultCodes.RulesDamaged, why), (fault.Code, fault.Details["why"]));
        }

        // An owner who still is one signs under the roster that he knew.
        safe.Rules[1] = Of(RuleEntry.Sign(book, with, anna.Device, anna.Signing, new DataOutRule(DataOut.Closed), DateTimeOffset.UnixEpoch));
        Assert.Equal(DataOut.Closed, (await rules.FetchAsync(Stop)).DataOut);

        void Roster(RosterEntry next) => safe.Roster = safe.Roster!.Extend(next);
    }

    [Fact(Timeout = 60_000)]
    public async Task Whoever_takes_a_rule_away_is_told_why_that_is_not_in_force_yet()
    {
        await rules.AppendAsync(new AllowRule("desk", "git.example.org", 0, [], 0, 0, 0), Stop);
        Assert.Equal("", rules.Waiting);
        fake.Safe.RulesWaiting = "no answer\u001b[2J";
        await rules.AppendAsync(new RemoveRule(1), Stop);
        Assert.Equal("no answer\ufffd[2J", rules.Waiting);
    }

    [Fact(Timeout = 60_000)]
    public async Task Rules_that_were_cut_off_or_exchanged_since_this_device_saw_them_are_not_believed()
    {
        await rules.AppendAsync(new DataOutRule(DataOut.Closed), Stop);
        await rules.AppendAsync(Notebook, Stop);
        ByteString[] right = [.. fake.Safe.Rules];

        await RefusedAsync("the server shows 1 entries, this device has seen 2", right[0]);
        await RefusedAsync("the server shows 0 entries, this device has seen 2");
        var first = RuleEntry.Sign(RuleBook.Empty(profile.Roster.Safe), profile.Roster, profile.Keys.Device, profile.Keys.Signing, Notebook, DateTimeOffset.UnixEpoch);
        var other = RuleBook.Empty(profile.Roster.Safe).Extend(first, profile.Roster);
        var second = RuleEntry.Sign(other, profile.Roster, profile.Keys.Device, profile.Keys.Signing, new ExposeRule("desk", 1), DateTimeOffset.UnixEpoch);
        await RefusedAsync("they are not a continuation of the 2 entries that this device has seen", Of(first), Of(second));
        await RefusedAsync("Damaged at rule 2: rule entry", right[0], ByteString.CopyFrom([.. right[1].Span[..^1]]));
        fake.Safe.RulesProblem = "OutOfOrder at rule 1\u001b[2J";
        await RefusedAsync("OutOfOrder at rule 1\ufffd[2J", right);
        fake.Safe.RulesProblem = "";

        Show(right);
        Assert.Equal(DataOut.Closed, (await rules.FetchAsync(Stop)).DataOut);

        async Task RefusedAsync(string why, params ByteString[] shown)
        {
            Show(shown);
            var fault = await Assert.ThrowsAsync<FaultException>(() => rules.FetchAsync(Stop));
            Assert.Equal((FaultCodes.RulesDamaged, why), (fault.Code, fault.Details["why"]));
            await Assert.ThrowsAsync<FaultException>(() => rules.AppendAsync(new ExposeRule("desk", 9), Stop));
            Assert.Equal(shown, fake.Safe.Rules);
        }

        void Show(ByteString[] shown)
        {
            fake.Safe.Rules.Clear();
            fake.Safe.Rules.AddRange(shown);
        }
    }

    private static ByteString Of(RuleEntry entry) => ByteString.CopyFrom(entry.Bytes.Span);
}
