using System.Security.Cryptography;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Rules;

/// <summary>
/// One link of the rules' chain: a rule, signed by an owner's device, with the head of the chain before it and the roster's head under
/// which it was signed. <see cref="Head"/> is SHA-512 of the whole entry, signature included.
/// </summary>
public sealed record RuleEntry
{
    private const string Label = "safes/1/rule", What = "rule entry";

    private const int Elements = 9, HeadSize = 64;

    private RuleEntry(byte[] bytes, byte[] body, byte[] signature, SafeId safe, Rule rule) =>
        (Bytes, Body, Signature, Safe, Rule, Head) = (bytes, body, signature, safe, rule, SHA512.HashData(bytes));

    /// <summary>The entry as it is stored and sent.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The chain's head with this entry.</summary>
    public ReadOnlyMemory<byte> Head { get; }

    public SafeId Safe { get; }

    public Rule Rule { get; }

    /// <summary>The head before it; empty for the first.</summary>
    public required ReadOnlyMemory<byte> Previous { get; init; }

    /// <summary>Its place in the chain, from 1 on: the number by which people name the rule.</summary>
    public required int Number { get; init; }

    /// <summary>The roster's head when it was signed.</summary>
    public required ReadOnlyMemory<byte> RosterHead { get; init; }

    public required DeviceId Author { get; init; }

    /// <summary>By the clock of the device that signed it.</summary>
    public required DateTimeOffset At { get; init; }

    internal byte[] Body { get; }

    internal byte[] Signature { get; }

    /// <summary>Signs a rule as the book's next entry.</summary>
    public static RuleEntry Sign(RuleBook after, SafeRoster under, DeviceId author, SecretBuffer signingSeed, Rule rule, DateTimeOffset at) =>
        Parse(Signed.Write(signingSeed, Signed.Body(Label, Elements, w =>
        {
            w.WriteByteString(after.Safe.ToBytes());
            w.WriteByteString(after.Head.Span);
            w.WriteInt32(after.Entries.Count + 1);
            w.WriteByteString(under.Head.Span);
            w.WriteByteString(author.ToBytes());
            w.WriteInt64(at.ToUnixTimeSeconds());
            w.WriteTextString(rule.Kind);
            rule.Write(w);
        })));

    /// <summary>Checks the form alone; signature, place and right are checked by <see cref="RuleBook"/>.</summary>
    /// <exception cref="MalformedException">Damaged, or of another version.</exception>
    public static RuleEntry Parse(ReadOnlyMemory<byte> entry)
    {
        byte[] bytes = entry.ToArray();
        var (body, signature) = Signed.Read(bytes, What);
        return CanonicalCbor.Decode(body, What, r =>
        {
            r.LabelledArray(Label, Elements);
            var safe = SafeId.Read(r.Bytes(SafeId.Size));
            byte[] previous = r.BytesUpTo(HeadSize);
            int number = r.ReadInt32();
            byte[] rosterHead = r.Bytes(HeadSize);
            var author = DeviceId.Read(r.Bytes(DeviceId.Size));
            long at = r.ReadInt64();
            if (number < 1 || previous.Length != (number == 1 ? 0 : HeadSize) || at is < 0 or >= 253402300800)
            {
                throw new MalformedException(Flaw.Damaged, What);
            }

            var read = new RuleEntry(bytes, body, signature, safe, Rule.Read(r))
            {
                Previous = previous,
                Number = number,
                RosterHead = rosterHead,
                Author = author,
                At = DateTimeOffset.FromUnixTimeSeconds(at),
            };
            r.ReadEndArray();
            return read;
        });
    }
}
