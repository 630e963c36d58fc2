using Safes.Roster.Tests;

namespace Safes.Rules.Tests;

/// <summary>What stands, and what is refused.</summary>
public sealed class RuleBookTests : IDisposable
{
    private static readonly AllowRule Pypi = new("build", "@pypi", 0, ["GET", "HEAD"], 65536, 0, 1_900_000_000);

    private readonly Team team = new();
    private RuleBook book;

    public RuleBookTests() => book = RuleBook.Empty(team.Roster.Safe);

    public void Dispose() => team.Dispose();

    [Fact]
    public void Every_kind_of_rule_stands_as_it_was_signed_and_the_chain_replays_to_the_same_book()
    {
        Rule[] rules =
        [
            Pypi, new AllowRule("*", "*.example.org", 8443, [], 0, 1 << 30, 0), new GroupRule("lab", ["build", "desk"]), new ExposeRule("desk", 8888),
            new DataOutRule(DataOut.FourEyes),
        ];
        foreach (var rule in rules)
        {
            Add(rule);
        }

        var again = RuleBook.Replay(book.Safe, book.Entries.Select(e => e.Bytes), team.Roster);
        Assert.Equal(rules, again.Standing.Select(s => s.Rule));
        Assert.Equal([1, 2, 3, 4, 5], again.Standing.Select(s => s.Number));
        Assert.All(again.Standing, s => Assert.Equal("anna", s.MemberName));
        Assert.Equal(book.Head.ToArray(), again.Head.ToArray());
        Assert.Equal(DataOut.FourEyes, again.DataOut);
    }

    [Fact]
    public void A_removed_rule_does_not_stand_and_keeps_its_number_to_itself()
    {
        Add(Pypi);
        Add(new ExposeRule("desk", 80));
        Add(new RemoveRule(1));
        Add(Pypi);
        Assert.Equal([2, 4], book.Standing.Select(s => s.Number));
        Conflicts(new RemoveRule(1));
        Conflicts(new RemoveRule(77));
    }

    [Fact]
    public void No_more_services_stand_than_the_gateway_keeps()
    {
        for (int port = 1; port <= RuleBook.MostServices; port++)
        {
            Add(new ExposeRule("desk", port));
        }

        Conflicts(new ExposeRule("desk", 1000));
        Add(new RemoveRule(7));
        Add(new ExposeRule("desk", 1000));
    }

    [Fact]
    public void A_chain_that_is_almost_full_takes_what_takes_away_and_nothing_that_gives()
    {
        Add(Pypi);
        while (book.Entries.Count < RuleBook.MostEntries - RuleBook.Spare)
        {
            Add(new DataOutRule(book.Entries.Count % 2 == 0 ? DataOut.Free : DataOut.FourEyes));
        }

        Conflicts(new ExposeRule("desk", 80));
        Conflicts(new GroupRule("lab", ["desk"]));
        Add(new RemoveRule(1));
        Add(new DataOutRule(DataOut.Closed));
        Assert.Equal(DataOut.Closed, book.DataOut);
    }

    [Fact]
    public void The_newest_of_a_group_and_of_the_way_out_counts_and_where_none_is_data_are_free()
    {
        Assert.Equal(DataOut.Free, book.DataOut);
        Add(new DataOutRule(DataOut.Closed));
        Add(new GroupRule("lab", ["build", "desk"]));
        Add(new GroupRule("lab", ["build"]));
        Add(new DataOutRule(DataOut.FourEyes));
        Assert.Equal(DataOut.FourEyes, book.DataOut);
        Assert.Equal([new GroupRule("lab", ["build"]), new DataOutRule(DataOut.FourEyes)], book.Standing.Select(s => s.Rule));
        Conflicts(new GroupRule("other", ["desk", "build"]));
        Add(new GroupRule("lab", []));
        Conflicts(new GroupRule("lab", []));
        Add(new GroupRule("other", ["desk", "build"]));
        Conflicts(new GroupRule("third", ["desk"]));
    }

    [Fact]
    public void What_stands_already_is_refused()
    {
        Add(Pypi);
        Conflicts(Pypi);
        Add(Pypi with { Port = 8080 });
    }

    [Fact]
    public void Only_an_owner_makes_rules_and_they_stand_when_that_owner_has_gone()
    {
        var bob = team.Add("bob");
        var carol = team.Add("carol", owner: true);
        Refused(RuleFlaw.NotAllowed, RuleEntry.Sign(book, team.Roster, bob.Device, bob.Signing, Pypi, DateTimeOffset.UnixEpoch));
        book = book.Extend(RuleEntry.Sign(book, team.Roster, carol.Device, carol.Signing, Pypi, DateTimeOffset.UnixEpoch), team.Roster);
        var before = team.Roster;
        team.Remove(carol);
        Add(new ExposeRule("desk", 80));
        Assert.Equal(["carol", "anna"], RuleBook.Replay(book.Safe, book.Entries.Select(e => e.Bytes), team.Roster).Standing.Select(s => s.MemberName));

        // A removed owner signs under the roster of the time before.
        Refused(RuleFlaw.OutOfOrder, RuleEntry.Sign(book, before, carol.Device, carol.Signing, new ExposeRule("desk", 81), DateTimeOffset.UnixEpoch));
        Refused(RuleFlaw.Unsigned, RuleEntry.Sign(book, team.Roster, carol.Device, carol.Signing, new ExposeRule("desk", 81), DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public void A_rule_signed_by_anybody_else_is_refused()
    {
        var bob = team.Add("bob", owner: true);
        Refused(RuleFlaw.Unsigned, RuleEntry.Sign(book, team.Roster, team.Owner.Device, bob.Signing, Pypi, DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public void A_chain_with_an_entry_left_out_put_twice_or_exchanged_is_refused()
    {
        Add(Pypi);
        Add(new ExposeRule("desk", 80));
        Add(new ExposeRule("desk", 81));
        var chain = book.Entries.Select(e => e.Bytes).ToArray();
        ReadOnlyMemory<byte>[][] wrong = [[chain[1], chain[2]], [chain[0], chain[2]], [chain[0], chain[0], chain[1]], [chain[0], chain[2], chain[1]], [chain[2], chain[1], chain[0]]];
        Assert.All(wrong, w => Assert.Equal(RuleFlaw.OutOfOrder, Assert.Throws<RuleException>(() => RuleBook.Replay(book.Safe, w, team.Roster)).Flaw));
    }

    [Fact]
    public void Another_safe_s_rules_are_not_taken()
    {
        using var others = new Team("anna");
        Refused(RuleFlaw.OutOfOrder, RuleEntry.Sign(RuleBook.Empty(others.Roster.Safe), others.Roster, others.Owner.Device, others.Owner.Signing, Pypi, DateTimeOffset.UnixEpoch));
        Refused(RuleFlaw.OutOfOrder, RuleEntry.Sign(book, others.Roster, others.Owner.Device, others.Owner.Signing, Pypi, DateTimeOffset.UnixEpoch));
    }

    private void Add(Rule rule) => book = book.Extend(Sign(rule), team.Roster);

    private RuleEntry Sign(Rule rule) => RuleEntry.Sign(book, team.Roster, team.Owner.Device, team.Owner.Signing, rule, DateTimeOffset.UnixEpoch);

    private void Conflicts(Rule rule) => Refused(RuleFlaw.Conflict, Sign(rule));

    private void Refused(RuleFlaw flaw, RuleEntry entry) => Assert.Equal(flaw, Assert.Throws<RuleException>(() => book.Extend(entry, team.Roster)).Flaw);
}
