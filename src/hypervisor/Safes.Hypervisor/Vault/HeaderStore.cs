using System.Formats.Cbor;
using System.Globalization;
using Safes.Contracts;
using Safes.Keys;
using Safes.Linux;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>
/// The header in its two slots, the server's secrets, the sealed roster, and the order in which they change: after a crash at any
/// step exactly the old or the new header opens.
/// </summary>
/// <remarks>
/// A change: (1) the new epoch's secret if there is one, (2) intent, (3) roster, (4) the header into the slot that is not in use,
/// (5) read back, (6) the old epoch's secret and header erased if the epoch is new, (7) intent removed. The roster is a chain, so a
/// longer one than the header names does no harm.
/// </remarks>
internal sealed class HeaderStore(IFileOperations files, string directory)
{
    private const int MostRoster = 8 * 1024 * 1024, MostEntries = 100_000;

    private const string ClaimName = "claim", ClaimBegun = "begun", ClaimDone = "done";

    private string slot = "b";

    // A change failed and what it left could not be read either: nothing is done until it can.
    private bool lost;

    /// <summary>Null while the safe is unclaimed.</summary>
    public Header? Header { get; private set; }

    /// <summary>Null while the safe is unclaimed.</summary>
    public SafeRoster? Roster { get; private set; }

    public uint Epoch => Header?.Epoch ?? 1;

    /// <summary>A claim has begun to lay out the volume and came to nothing: no key of what is there exists any more.</summary>
    public bool ClaimCameToNothing => Header is null && Claim == ClaimBegun;

    /// <summary>Durable before the volume gets anything that is not a blank one's.</summary>
    public void BeginClaim() => files.Replace(At(ClaimName), System.Text.Encoding.ASCII.GetBytes(ClaimBegun));

    /// <summary>Reads what is there, and finishes or undoes a change that was interrupted.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.HeaderDamaged"/>.</exception>
    public void Load()
    {
        try
        {
            var intent = files.Read(At("intent"), Intent.MostBytes) is { } bytes ? Intent.Parse(bytes) : null;
            var (a, b) = (Slot("a"), Slot("b"));
            var active = intent is null ? Newest(a, b) : Interrupted(intent, a, b);
            if (active is null)
            {
                LoadUnclaimed(intent);
            }
            else
            {
                (Header, slot) = (active.Header, active.Name);
                Roster = ReadRoster(active.Table.RosterHead, active.Header!.Safe, intent);
                Settle(intent);
            }

            lost = false;
        }
        catch (MalformedException e)
        {
            throw Damaged(e.What);
        }
        catch (RosterException e)
        {
            throw Damaged($"roster: {e.Message}");
        }
    }

    /// <summary>The server's secret of the present epoch, read anew each time.</summary>
    public SecretBuffer ReadServerSecret() => ReadSecret(Epoch) ?? throw Damaged($"hs.{Epoch} is missing");

    /// <summary>Before anything is decided: what memory says is what the disk says.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.HeaderDamaged"/>.</exception>
    public void RequireKnown()
    {
        if (lost)
        {
            Load();
        }
    }

    /// <summary>The header's table, if the header on disk still is the one that was loaded.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.HeaderDamaged"/>.</exception>
    public HeaderTable OpenTable()
    {
        try
        {
            byte[]? now = files.Read(At("header." + slot), Header.MostBytes);
            if (now is null || !now.AsSpan().SequenceEqual(Header!.Bytes))
            {
                throw Damaged($"header.{slot} was changed from outside");
            }

            using var secret = ReadServerSecret();
            return Header.OpenTable(secret);
        }
        catch (MalformedException e)
        {
            throw Damaged(e.What);
        }
    }

    /// <summary>Puts a new header and roster into effect. <paramref name="newSecret"/> begins a new epoch.</summary>
    public void Change(HeaderTable table, SafeRoster roster, SecretBuffer vmk, SecretBuffer? newSecret = null)
    {
        uint epoch = newSecret is null ? Epoch : Epoch + 1;
        ulong generation = (Header?.Generation ?? 0) + 1;
        try
        {
            if (newSecret is not null)
            {
                files.Replace(SecretPath(epoch), newSecret);
                Failpoint.Reach("header: new secret written");
            }

            using var secret = newSecret is null ? ReadServerSecret() : ReadSecret(epoch)!;
            byte[] header = Header.Write(roster.Safe, generation, epoch, table, secret, vmk);
            var intent = new Intent(generation, epoch, slot == "a" ? "b" : "a", System.Security.Cryptography.SHA512.HashData(header));
            files.Replace(At("intent"), intent.Write());
            Failpoint.Reach("header: intent written");
            WriteRoster(roster, secret, epoch);
            Failpoint.Reach("header: roster written");
            files.Replace(At("header." + intent.Slot), header);
            Failpoint.Reach("header: written");
            ReadBack(intent, vmk);
            Failpoint.Reach("header: read back");
            Settle(intent);
            Failpoint.Reach("header: settled");
            Roster = roster;
        }
        catch
        {
            // Whichever of the two headers it is now, memory must say the same as the disk.
            TryLoad();
            throw;
        }
    }

    private void ReadBack(Intent intent, SecretBuffer vmk)
    {
        var written = Slot(intent.Slot);
        if (written?.Header is null || !intent.Names(written.Header.Bytes) || !written.Header.Verify(vmk))
        {
            throw new IOException("the header did not read back as it was written");
        }

        (Header, slot) = (written.Header, intent.Slot);
    }

    private void TryLoad()
    {
        lost = true;
        try
        {
            Load();
        }
        catch (Exception e) when (e is IOException or FaultException or UnauthorizedAccessException)
        {
            // Tried again by the next request.
        }
    }

    private void LoadUnclaimed(Intent? intent)
    {
        if (Claim == ClaimDone || intent is { Generation: > 1 } || (intent is null && files.Read(At("roster"), MostRoster) is not null))
        {
            throw Damaged("no header is left");
        }

        (Header, Roster, slot) = (null, null, "b");

        if (intent is not null)
        {
            files.Delete(At("header." + intent.Slot));
            files.Remove(At("roster"));
            files.Remove(At("intent"));
        }
    }

    /// <summary>Without an intent nothing was on its way: the newest header counts, and a damaged one that may be newer is not passed over.</summary>
    private static Found? Newest(Found? a, Found? b)
    {
        Found?[] found = [a, b];
        var newest = found.Where(f => f?.Header is not null).MaxBy(f => f!.Header!.Generation);
        return found.Any(f => f is { Header: null } && (newest is null || f.ClearGeneration is null || f.ClearGeneration >= newest.Header!.Generation))
            ? throw Damaged("a header is damaged")
            : newest;
    }

    private static Found? Interrupted(Intent intent, Found? a, Found? b)
    {
        var (target, other) = intent.Slot == "a" ? (a, b) : (b, a);
        return target?.Header is not null && intent.Names(target.Header.Bytes) ? target
            : other?.Header is not null && other.Header.Generation == intent.Generation - 1 ? other
            : intent.Generation == 1 && target is null && other is null ? null
            : throw Damaged("neither the old nor the new header opens");
    }

    private string Claim => files.Read(At(ClaimName), 16) is { } bytes ? System.Text.Encoding.ASCII.GetString(bytes) : "";

    /// <summary>Steps 6 and 7, and the undoing of a change that did not get as far.</summary>
    private void Settle(Intent? intent)
    {
        foreach (string name in files.List(directory).Where(n => n.StartsWith("hs.", StringComparison.Ordinal) && n != $"hs.{Epoch}"))
        {
            files.Erase(At(name));
        }

        string other = slot == "a" ? "b" : "a";
        if (Slot(other) is { Header: null })
        {
            files.Erase(At("header." + other));
        }

        if (Claim != ClaimDone)
        {
            files.Replace(At(ClaimName), System.Text.Encoding.ASCII.GetBytes(ClaimDone));
        }

        files.SyncDirectory(directory);
        if (intent is not null)
        {
            files.Remove(At("intent"));
        }
    }

    private SafeRoster ReadRoster(byte[] head, SafeId safe, Intent? intent)
    {
        byte[] file = files.Read(At("roster"), MostRoster) ?? throw Damaged("the roster is missing");
        var (epoch, box) = CanonicalCbor.Decode(file, "roster", r =>
        {
            r.LabelledArray("safes/1/roster-file", 3);
            var both = (r.ReadUInt32(), r.BytesUpTo(MostRoster));
            r.ReadEndArray();
            return both;
        });
        using var secret = ReadSecret(epoch);
        byte[] chain = (secret is null ? null : RosterBox.Open(secret, safe, epoch, box)) ?? throw Damaged("the roster does not open");
        var whole = SafeRoster.Replay(CanonicalCbor.Decode(chain, "roster", r =>
        {
            var entries = new ReadOnlyMemory<byte>[r.ArrayUpTo(MostEntries)];
            for (int i = 0; i < entries.Length; i++)
            {
                entries[i] = r.BytesUpTo(MostRoster);
            }

            r.ReadEndArray();
            return entries;
        }));
        var roster = whole.At(head) ?? throw Damaged("the roster is not the header's");
        if (whole.Count != roster.Count || epoch != Epoch)
        {
            if (intent is null)
            {
                throw Damaged("the header is older than the roster");
            }

            using var present = ReadServerSecret();
            WriteRoster(roster, present, Epoch);
        }

        return roster.Safe == safe ? roster : throw Damaged("the roster is another safe's");
    }

    private void WriteRoster(SafeRoster roster, SecretBuffer secret, uint epoch)
    {
        var writer = new CborWriter(CborConformanceMode.Canonical);
        writer.WriteStartArray(roster.Count);
        foreach (var entry in roster.Entries)
        {
            writer.WriteByteString(entry.Bytes.Span);
        }

        writer.WriteEndArray();
        files.Replace(At("roster"), CanonicalCbor.Encode("safes/1/roster-file", epoch, RosterBox.Seal(secret, roster.Safe, epoch, writer.Encode())));
    }

    private Found? Slot(string name)
    {
        byte[]? bytes = files.Read(At("header." + name), Header.MostBytes);
        if (bytes is null)
        {
            return null;
        }

        ulong? clear = null;
        try
        {
            var header = Header.Parse(bytes);
            clear = header.Generation;
            using var secret = ReadSecret(header.Epoch);
            return secret is null ? new Found(name, null, null!, clear) : new Found(name, header, header.OpenTable(secret), clear);
        }
        catch (MalformedException)
        {
            return new Found(name, null, null!, clear);
        }
    }

    private SecretBuffer? ReadSecret(uint epoch) => files.ReadSecret(SecretPath(epoch), 32);

    private string SecretPath(uint epoch) => At("hs." + epoch.ToString(CultureInfo.InvariantCulture));

    private string At(string name) => Path.Combine(directory, name);

    private static FaultException Damaged(string what) => new(FaultCodes.HeaderDamaged, ("why", what));

    /// <summary>A slot that holds something; <see cref="Header"/> is null when it does not open.</summary>
    private sealed record Found(string Name, Header? Header, HeaderTable Table, ulong? ClearGeneration);
}
