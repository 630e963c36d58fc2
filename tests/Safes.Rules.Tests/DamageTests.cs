using Safes.Fuzzing;
using Safes.Keys;
using Safes.Roster;
using Safes.Roster.Tests;

namespace Safes.Rules.Tests;

/// <summary>Bits, lengths and arbitrary bytes.</summary>
[Trait("fuzzes", "parsers")]
public sealed class DamageTests : IDisposable
{
    private static readonly Rule[] Kinds =
    [
        new AllowRule("build", "git.example.org", 443, ["GET", "HEAD"], 65536, 1 << 20, 1_900_000_000), new GroupRule("lab", ["build", "desk"]), new ExposeRule("desk", 8888),
        new DataOutRule(DataOut.Closed), new RemoveRule(1),
    ];

    private readonly Team team = new();
    private readonly RuleBook book;

    public DamageTests()
    {
        var empty = RuleBook.Empty(team.Roster.Safe);
        book = empty.Extend(Sign(empty, new ExposeRule("desk", 1)), team.Roster);
    }

    public void Dispose() => team.Dispose();

    [Fact]
    public void Every_single_bit_flip_of_every_kind_of_rule_is_refused()
    {
        foreach (var rule in Kinds)
        {
            byte[] right = Sign(book, rule).Bytes.ToArray();
            Assert.Equal(2, book.Extend(RuleEntry.Parse(right), team.Roster).Entries.Count);
            for (int bit = 0; bit < right.Length * 8; bit++)
            {
                byte[] flipped = [.. right];
                flipped[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.Throws<RuleException>(() => RuleBook.Replay(book.Safe, [book.Entries[0].Bytes, flipped], team.Roster));
            }

            for (int length = 0; length < right.Length; length++)
            {
                Assert.Throws<RuleException>(() => RuleBook.Replay(book.Safe, [book.Entries[0].Bytes, right.AsMemory(0, length)], team.Roster));
            }
        }
    }

    [Fact]
    public void A_damaged_rule_that_its_owner_has_signed_is_refused_or_holds_nothing_but_names()
    {
        Fuzz.Parser([.. Kinds.Select(k => Sign(book, k).Body)], body =>
        {
            RuleEntry entry;
            try
            {
                entry = RuleEntry.Parse(Signed.Write(team.Owner.Signing, body));
            }
            catch (MalformedException)
            {
                return;
            }

            Assert.All(Texts(entry.Rule), t => Assert.Matches(@"\A[@*a-zA-Z0-9.-]+\z", t));
            try
            {
                Assert.Equal(entry.Rule, book.Extend(entry, team.Roster).Entries[^1].Rule);
            }
            catch (RuleException)
            {
            }
        });
    }

    [Theory]
    [InlineData("git.example.org\n")]
    [InlineData("example.org.")]
    [InlineData("*.*.example.org")]
    [InlineData("exa mple.org")]
    [InlineData("ex\u0430mple.org")]
    [InlineData("-example.org")]
    [InlineData("@Pypi")]
    [InlineData("")]
    public void A_destination_with_anything_else_in_it_cannot_even_be_signed(string destination) =>
        Assert.Throws<MalformedException>(() => Sign(book, new AllowRule("build", destination, 443, [], 0, 0, 0)));

    [Theory]
    [InlineData("Desk")]
    [InlineData("desk-")]
    [InlineData("desk\n")]
    [InlineData("")]
    [InlineData("a23456789012345678901234567890123")]
    public void A_host_s_name_that_none_can_have_cannot_be_signed(string host)
    {
        Assert.Throws<MalformedException>(() => Sign(book, new ExposeRule(host, 80)));
        Assert.Throws<MalformedException>(() => Sign(book, new GroupRule("lab", [host])));
        Assert.Throws<MalformedException>(() => Sign(book, new AllowRule(host, "example.org", 0, [], 0, 0, 0)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(65536)]
    public void A_port_that_is_none_cannot_be_signed(int port) => Assert.Throws<MalformedException>(() => Sign(book, new ExposeRule("desk", port)));

    private RuleEntry Sign(RuleBook after, Rule rule) => RuleEntry.Sign(after, team.Roster, team.Owner.Device, team.Owner.Signing, rule, DateTimeOffset.UnixEpoch);

    private static IEnumerable<string> Texts(Rule rule) => rule switch
    {
        AllowRule a => [a.From, a.To, .. a.Methods],
        GroupRule g => [g.Group, .. g.Hosts],
        ExposeRule e => [e.Host],
        _ => [],
    };
}
