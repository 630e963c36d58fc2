using System.Formats.Cbor;
using Safes.Contracts;
using Safes.Keys;
using Safes.Roster;
using Safes.Rules;
using Safes.Volumes;

namespace Safes.Hypervisor.Rules;

/// <summary>
/// The owners' rules of an open volume. What stands on the volume is verified before anything follows from it; a chain that is not whole
/// allows nothing, lets no data out, and takes no more rules.
/// </summary>
public sealed class RuleKeeper
{
    private const string FileName = "rules/chain";

    private const int MostBytes = 64 << 20;

    private readonly Lock gate = new();
    private readonly VolumeDirectory root;
    private RuleBook book;

    private RuleKeeper(VolumeDirectory root, RuleBook book, string? problem) => (this.root, this.book, Problem) = (root, book, problem);

    /// <summary>Why nothing is allowed; null when the chain is whole.</summary>
    public string? Problem { get; }

    public RuleBook Book
    {
        get
        {
            lock (gate)
            {
                return book;
            }
        }
    }

    public DataOut DataOut => Problem is null ? Book.DataOut : DataOut.Closed;

    /// <summary>Raised after a rule was made durable, with the book as it is from then on.</summary>
    public event Action<RuleBook>? Changed;

    public static RuleKeeper Open(VolumeDirectory root, SafeRoster roster)
    {
        try
        {
            return new RuleKeeper(root, RuleBook.Replay(roster.Safe, Read(root.ReadFile(FileName, MostBytes)), roster), problem: null);
        }
        catch (Exception e) when (e is RuleException or MalformedException or IOException)
        {
            return new RuleKeeper(root, RuleBook.Empty(roster.Safe), e.Message);
        }
    }

    /// <summary>Adds a rule that an owner's device has signed under the roster as it is now. Durable when it returns.</summary>
    /// <exception cref="FaultException">RulesDamaged, RuleRefused, NotOwner, Moved, BadRequest.</exception>
    public RuleBook Append(DeviceId device, byte[] entry, SafeRoster roster)
    {
        RuleBook next;
        lock (gate)
        {
            next = Extend(device, entry, roster);
            root.WriteFile(FileName, Write(next));
            book = next;
        }

        Changed?.Invoke(next);
        return next;
    }

    private RuleBook Extend(DeviceId device, byte[] entry, SafeRoster roster)
    {
        if (Problem is not null)
        {
            throw new FaultException(FaultCodes.RulesDamaged, ("why", Problem));
        }

        try
        {
            var parsed = RuleEntry.Parse(entry);
            return parsed.Author != device ? throw new FaultException(FaultCodes.BadRequest, ("what", "a rule that another device has signed"))
                : !parsed.RosterHead.Span.SequenceEqual(roster.Head.Span) || !parsed.Previous.Span.SequenceEqual(book.Head.Span) ? throw new FaultException(FaultCodes.Moved)
                : book.Extend(parsed, roster);
        }
        catch (MalformedException e)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", e.What));
        }
        catch (RuleException e)
        {
            throw e.Flaw switch
            {
                RuleFlaw.NotAllowed => new FaultException(FaultCodes.NotOwner),
                RuleFlaw.Conflict => new FaultException(FaultCodes.RuleRefused, ("why", e.What)),
                _ => new FaultException(FaultCodes.BadRequest, ("what", e.Message)),
            };
        }
    }

    /// <summary>The entries of a file; none where there is no file.</summary>
    /// <exception cref="MalformedException">It is not one array of byte strings.</exception>
    internal static ReadOnlyMemory<byte>[] Read(byte[]? file) => file is null ? [] : CanonicalCbor.Decode(file, "rules", r =>
    {
        var entries = new ReadOnlyMemory<byte>[r.ArrayUpTo(RuleBook.MostEntries)];
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = r.ReadByteString();
        }

        r.ReadEndArray();
        return entries;
    });

    internal static byte[] Write(RuleBook rules)
    {
        var writer = new CborWriter(CborConformanceMode.Canonical);
        writer.WriteStartArray(rules.Entries.Count);
        foreach (var entry in rules.Entries)
        {
            writer.WriteByteString(entry.Bytes.Span);
        }

        writer.WriteEndArray();
        return writer.Encode();
    }
}
