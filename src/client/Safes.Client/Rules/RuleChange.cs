using System.Security.Cryptography;
using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Rules;

namespace Safes.Client.Rules;

/// <summary>The owners' rules as a member's device sees them: it believes no rule that it has not verified against the roster it knows.</summary>
public sealed class RuleChange(SafeProfile profile, Server server)
{
    // A proxy that boots on a slow machine takes so long.
    private static readonly TimeSpan InForceLimit = TimeSpan.FromSeconds(30);

    private const int MostMoves = 8;

    /// <summary>Why what was changed last is not in force yet; empty: it is.</summary>
    public string Waiting { get; private set; } = "";

    /// <summary>What stands, verified from the first entry on.</summary>
    /// <exception cref="FaultException">rules-damaged: what the server shows is not whole.</exception>
    public async Task<RuleBook> FetchAsync(CancellationToken stop)
    {
        var roster = await server.FetchRosterAsync(profile.Roster, stop).ConfigureAwait(false);
        profile.Remember(roster);
        var entries = new List<ReadOnlyMemory<byte>>();
        for (bool more = true; more;)
        {
            var reply = await AskAsync(entries.Count, stop).ConfigureAwait(false);
            entries.AddRange(reply.Entries.Select(e => (ReadOnlyMemory<byte>)e.ToByteArray()));
            more = reply.More && reply.Entries.Count > 0 && entries.Count < RuleBook.MostEntries;
        }

        try
        {
            var book = RuleBook.Replay(roster.Safe, entries, roster);
            RulesSeen.Find(profile).Check(book, roster);
            RulesSeen.Keep(profile, book, roster);
            return book;
        }
        catch (RuleException e)
        {
            throw new FaultException(e.Flaw is RuleFlaw.OtherVersion ? FaultCodes.OtherVersion : FaultCodes.RulesDamaged, ("what", "its rules"), ("why", e.Message));
        }
    }

    /// <summary>Whether what is in force goes on from what this device has seen; what is new is verified.</summary>
    /// <exception cref="FaultException">rules-damaged: it does not; no-server and what else a call ends with.</exception>
    public async Task CheckSeenAsync(CancellationToken stop)
    {
        var seen = RulesSeen.Find(profile);
        var reply = await AskAsync(Math.Max(0, seen.Count - 1), stop).ConfigureAwait(false);
        if (seen.Count > 0 && reply.Entries.Count == 0)
        {
            throw new FaultException(FaultCodes.RulesDamaged, ("why", $"the server shows fewer than the {seen.Count} entries that this device has seen"));
        }

        if (seen.Count > 0 && Convert.ToHexStringLower(SHA512.HashData(reply.Entries[0].Span)) != seen.Head)
        {
            throw seen.Other();
        }

        if (reply.Entries.Count > Math.Min(1, seen.Count))
        {
            await FetchAsync(stop).ConfigureAwait(false);
        }
        else
        {
            seen.KeepUnder(profile, profile.Roster);
        }
    }

    /// <summary>Signs a rule with this device's key and hands it over; anew where another entry has come first.</summary>
    /// <returns>The book with it.</returns>
    /// <exception cref="FaultException">not-owner, rule-refused, rules-damaged; moved: others have come first each time.</exception>
    public async Task<RuleBook> AppendAsync(Rule rule, CancellationToken stop)
    {
        for (int move = 1; ; move++)
        {
            try
            {
                return await AppendOnceAsync(rule, stop).ConfigureAwait(false);
            }
            catch (FaultException e) when (e.Code == FaultCodes.Moved && move < MostMoves)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(20, 200)), stop).ConfigureAwait(false);
            }
        }
    }

    private async Task<RuleBook> AppendOnceAsync(Rule rule, CancellationToken stop)
    {
        var book = await FetchAsync(stop).ConfigureAwait(false);
        var roster = profile.Roster;
        if (!roster.MemberOf(profile.Device).IsOwner)
        {
            throw new FaultException(FaultCodes.NotOwner, ("owners", string.Join(", ", roster.Members.Where(m => m.IsOwner).Select(m => m.Name))));
        }

        var entry = RuleEntry.Sign(book, roster, profile.Keys.Device, profile.Keys.Signing, rule, DateTimeOffset.UtcNow);
        RuleBook next;
        try
        {
            next = book.Extend(entry, roster);
        }
        catch (RuleException e)
        {
            throw new FaultException(FaultCodes.RuleRefused, ("why", e.What));
        }

        var request = new ChangeRulesRequest { Entry = ByteString.CopyFrom(entry.Bytes.Span) };
        var reply = await server.Inside.CallAsync((c, o) => c.ChangeRulesAsync(request, o), Server.CallLimit, stop).ConfigureAwait(false);
        Waiting = Printable.Line(reply.Waiting);
        RulesSeen.Keep(profile, next, roster);
        return next;
    }

    /// <summary>Waits for half a minute until what was changed last is in force.</summary>
    public async Task AwaitInForceAsync(CancellationToken stop)
    {
        var end = BootClock.Now + InForceLimit;
        while (Waiting.Length > 0 && BootClock.Now < end)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), stop).ConfigureAwait(false);     // what fails at once is not asked for at once
            Waiting = Printable.Line((await AskAsync(RuleBook.MostEntries, stop, inForce: true).ConfigureAwait(false)).Waiting);
        }
    }

    /// <exception cref="FaultException">rules-damaged: the server itself takes them for broken.</exception>
    private async Task<RulesReply> AskAsync(int after, CancellationToken stop, bool inForce = false)
    {
        var request = new RulesRequest { After = (ulong)after, InForce = inForce };
        var reply = await server.Inside.CallAsync((c, o) => c.GetRulesAsync(request, o), Server.CallLimit, stop).ConfigureAwait(false);
        return reply.Problem.Length == 0 ? reply : throw new FaultException(FaultCodes.RulesDamaged, ("why", Printable.Line(reply.Problem)));
    }
}
