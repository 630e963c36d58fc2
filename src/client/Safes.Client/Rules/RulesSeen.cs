using System.Globalization;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Roster;
using Safes.Rules;

namespace Safes.Client.Rules;

/// <summary>
/// How far a device has seen a safe's rules, and under which roster: it takes no chain that is shorter, nor one that went another way, nor new
/// entries by who was no owner any more when it looked last, whatever older roster they name.
/// </summary>
/// <param name="Count">Entries.</param>
/// <param name="Head">Of the last of them, in hexadecimal; empty: there was none.</param>
/// <param name="RosterHead">In hexadecimal; empty: it has not looked yet.</param>
internal sealed record RulesSeen(int Count, string Head, string RosterHead)
{
    private const string FileName = "rules.seen", None = "-";

    private const int HeadDigits = 128;

    /// <exception cref="FaultException">damaged-file.</exception>
    public static RulesSeen Find(SafeProfile profile)
    {
        string path = PathOf(profile);
        if (!File.Exists(path))
        {
            return new RulesSeen(0, "", "");
        }

        string[] words = PrivateFile.ReadText(path).TrimEnd('\n').Split(' ');
        return words is [var digits, var head, var roster] && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count) &&
            (count > 0 ? IsHead(head) : head == None) && IsHead(roster)
            ? new RulesSeen(count, count > 0 ? head : "", roster)
            : throw new FaultException(FaultCodes.DamagedFile, ("what", path));
    }

    public static void Keep(SafeProfile profile, RuleBook verified, SafeRoster roster) =>
        Keep(profile, new RulesSeen(verified.Entries.Count, Convert.ToHexStringLower(verified.Head.Span), Convert.ToHexStringLower(roster.Head.Span)), roster);

    /// <summary>That nothing was added up to now, by the roster of now.</summary>
    public void KeepUnder(SafeProfile profile, SafeRoster roster) => Keep(profile, this with { RosterHead = Convert.ToHexStringLower(roster.Head.Span) }, roster);

    // Another command of this device may have seen more meanwhile, of rules or of the roster: neither goes back.
    private static void Keep(SafeProfile profile, RulesSeen seen, SafeRoster roster) => profile.Alone(() =>
    {
        var kept = Find(profile);
        var next = kept.Count > seen.Count ? kept : seen;
        bool isUnderLater = kept.RosterHead.Length > 0 && roster.At(Convert.FromHexString(kept.RosterHead)) is null;
        next = next with { RosterHead = isUnderLater ? kept.RosterHead : seen.RosterHead };
        if (next != kept)
        {
            next.Write(profile);
        }
    });

    /// <param name="roster">As it is now.</param>
    /// <exception cref="FaultException">rules-damaged: the server shows less than before, or something else, or entries of who is no owner any more.</exception>
    public void Check(RuleBook shown, SafeRoster roster)
    {
        if (shown.Entries.Count < Count)
        {
            throw new FaultException(FaultCodes.RulesDamaged, ("why", $"the server shows {shown.Entries.Count} entries, this device has seen {Count}"));
        }

        if (Count > 0 && Convert.ToHexStringLower(shown.Entries[Count - 1].Head.Span) != Head)
        {
            throw Other();
        }

        if (RosterHead.Length == 0)
        {
            return;
        }

        var then = roster.At(Convert.FromHexString(RosterHead)) ?? throw new FaultException(FaultCodes.RulesDamaged, ("why", "this device has seen them under another roster"));
        foreach (var entry in shown.Entries.Skip(Count))
        {
            // An owner still signs under the roster that he knows; who was removed by then does not sign any more.
            bool owned = then.FindDevice(entry.Author) is { } device && then.MemberOf(device).IsOwner;
            if (!owned && roster.At(entry.RosterHead.Span)!.Count < then.Count)
            {
                throw new FaultException(FaultCodes.RulesDamaged, ("why", $"entry {entry.Number} is new, and signed by who was no owner any more when this device looked last"));
            }
        }
    }

    public FaultException Other() => new(FaultCodes.RulesDamaged, ("why", $"they are not a continuation of the {Count} entries that this device has seen"));

    private void Write(SafeProfile profile) =>
        PrivateFile.Write(PathOf(profile), System.Text.Encoding.ASCII.GetBytes($"{Count} {(Count > 0 ? Head : None)} {RosterHead}\n"));

    private static bool IsHead(string text) => text.Length == HeadDigits && text.All(char.IsAsciiHexDigitLower);

    private static string PathOf(SafeProfile profile) => Path.Combine(profile.Places.Config, profile.Name, FileName);
}
