using Safes.Keys;
using Safes.Roster;

namespace Safes.Rules;

/// <param name="Number">Of the entry that made it.</param>
/// <param name="MemberName">Who signed it, by the name in the roster of then.</param>
public sealed record StandingRule(int Number, Rule Rule, DeviceId Author, string MemberName, DateTimeOffset At);

/// <summary>
/// The owners' rules as they stand: the result of replaying their signed chain. Immutable; every instance has been verified from the
/// first entry on. A rule goes on standing when the owner who signed it is removed.
/// </summary>
public sealed class RuleBook
{
    private readonly RuleEntry[] entries;
    private readonly SafeRoster? signedUnder;

    private RuleBook(SafeId safe, RuleEntry[] entries, StandingRule[] standing, SafeRoster? signedUnder) =>
        (Safe, this.entries, Standing, this.signedUnder) = (safe, entries, standing, signedUnder);

    /// <summary>How many entries a chain may have.</summary>
    public const int MostEntries = 10_000;

    /// <summary>Of <see cref="MostEntries"/> the last ones, which are for what takes away or decides about data out: a full chain binds nobody for good.</summary>
    public const int Spare = 1000;

    /// <summary>So many services stand at most: the gateway has to keep them all.</summary>
    public const int MostServices = 256;

    public SafeId Safe { get; }

    public IReadOnlyList<RuleEntry> Entries => entries;

    /// <summary>SHA-512 of the newest entry; empty when there is none.</summary>
    public ReadOnlyMemory<byte> Head => entries.Length == 0 ? default : entries[^1].Head;

    /// <summary>What stands, by number.</summary>
    public IReadOnlyList<StandingRule> Standing { get; }

    public DataOut DataOut => Standing.Select(s => s.Rule).OfType<DataOutRule>().LastOrDefault()?.Mode ?? DataOut.Free;

    public static RuleBook Empty(SafeId safe) => new(safe, [], [], null);

    /// <exception cref="RuleException">Any entry is damaged, unsigned, out of order or not allowed.</exception>
    public static RuleBook Replay(SafeId safe, IEnumerable<ReadOnlyMemory<byte>> chain, SafeRoster roster)
    {
        var book = Empty(safe);
        foreach (var bytes in chain)
        {
            book = book.Extend(Parse(bytes, book.entries.Length + 1), roster);
        }

        return book;
    }

    /// <summary>With one more entry, if it follows, and was properly signed by an owner of the roster as it was then.</summary>
    /// <param name="roster">As it is now: its chain shows what it was when the entry was signed.</param>
    /// <exception cref="RuleException">It is not.</exception>
    public RuleBook Extend(RuleEntry entry, SafeRoster roster)
    {
        int number = entries.Length + 1;
        if (entry.Safe != Safe || entry.Number != number || number > MostEntries || !entry.Previous.Span.SequenceEqual(Head.Span))
        {
            throw new RuleException(RuleFlaw.OutOfOrder, number, "does not follow the entry before it");
        }

        var then = signedUnder is { } same && same.Head.Span.SequenceEqual(entry.RosterHead.Span) ? same : roster.At(entry.RosterHead.Span);
        if (then is null || then.Count < (signedUnder?.Count ?? 0))
        {
            throw new RuleException(RuleFlaw.OutOfOrder, number, "signed under another roster, or an older one than the entry before it");
        }

        var author = then.FindDevice(entry.Author);
        if (author is null || !SigningKey.Verify(author.SigningKey, entry.Body, entry.Signature))
        {
            throw new RuleException(RuleFlaw.Unsigned, number, "not signed by a device of the roster");
        }

        var member = then.MemberOf(author);
        return member.IsOwner
            ? new RuleBook(Safe, [.. entries, entry], Apply(new StandingRule(number, entry.Rule, entry.Author, member.Name, entry.At)), then)
            : throw new RuleException(RuleFlaw.NotAllowed, number, "only owners make rules");
    }

    private StandingRule[] Apply(StandingRule made) => made.Rule switch
    {
        not (RemoveRule or DataOutRule) when made.Number > MostEntries - Spare =>
            throw new RuleException(RuleFlaw.Conflict, made.Number, $"there are {made.Number - 1} entries: only removals and decisions about data out still fit"),
        ExposeRule when Standing.Count(s => s.Rule is ExposeRule) >= MostServices =>
            throw new RuleException(RuleFlaw.Conflict, made.Number, $"{MostServices} services stand already; remove one first"),
        RemoveRule r when Standing.All(s => s.Number != r.Number) => throw new RuleException(RuleFlaw.Conflict, made.Number, $"no rule {r.Number} stands"),
        RemoveRule r => [.. Standing.Where(s => s.Number != r.Number)],
        DataOutRule => [.. Standing.Where(s => s.Rule is not DataOutRule), made],
        GroupRule g => Group(made, g),
        _ when Standing.FirstOrDefault(s => s.Rule.Equals(made.Rule)) is { } same => throw new RuleException(RuleFlaw.Conflict, made.Number, $"rule {same.Number} says the same"),
        _ => [.. Standing, made],
    };

    private StandingRule[] Group(StandingRule made, GroupRule group)
    {
        StandingRule[] others = [.. Standing.Where(s => s.Rule is not GroupRule { } g || g.Group != group.Group)];
        if (group.Hosts.Count == 0)
        {
            return others.Length < Standing.Count ? others : throw new RuleException(RuleFlaw.Conflict, made.Number, $"no group '{group.Group}' stands");
        }

        var elsewhere = others.Select(s => s.Rule).OfType<GroupRule>().FirstOrDefault(g => g.Hosts.Intersect(group.Hosts).Any());
        return elsewhere is null
            ? [.. others, made]
            : throw new RuleException(RuleFlaw.Conflict, made.Number, $"'{elsewhere.Hosts.Intersect(group.Hosts).First()}' is in group '{elsewhere.Group}'");
    }

    private static RuleEntry Parse(ReadOnlyMemory<byte> bytes, int number)
    {
        try
        {
            return RuleEntry.Parse(bytes);
        }
        catch (MalformedException e)
        {
            throw new RuleException(e.Flaw == Flaw.OtherVersion ? RuleFlaw.OtherVersion : RuleFlaw.Damaged, number, e.What, e);
        }
    }
}
