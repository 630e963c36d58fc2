using Google.Protobuf;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Roster;
using Safes.Transfer;

namespace Safes.Hypervisor.Airlocks;

/// <summary>Who does something at the airlock: from which device.</summary>
/// <param name="OthersOwn">There is an owner besides.</param>
/// <param name="Free">Data out is free at this moment.</param>
public sealed record Visitor(Member Member, string Device, bool OthersOwn, bool Free);

/// <summary>
/// Requests to let files out, on the volume beside what hosts see: out/N with what was asked, the files' digests block by block, and what
/// was decided. Nothing is copied; what leaves is compared, block by block and before it is sent, with what was asked for. Every call blocks.
/// </summary>
public sealed class Airlock(FileTree root, FileTree files)
{
    /// <summary>How many requests may wait, how many are kept at all, and how much one may hold.</summary>
    public const int MostWaiting = 50, MostKept = 200, MostFiles = 10_000, MostEntries = 100_000, MostPathBytes = 1 << 20;

    public const long MostBytes = 1L << 40;

    private const int LongestReason = 1000;
    private const uint Private = 0x1c0;

    private static readonly FilePath Place = FilePath.Parse("out"), Outbox = FilePath.Parse("outbox");

    private readonly Lock gate = new();
    private SortedDictionary<ulong, OutEntry>? entries;
    private List<ulong> unreadable = [];

    public OutLog Log { get; } = new(root);

    /// <summary>Requests that are there and cannot be read. They keep their numbers; the others go on.</summary>
    public IReadOnlyList<ulong> Unreadable
    {
        get
        {
            lock (gate)
            {
                _ = Load();
                return [.. unreadable];
            }
        }
    }

    /// <summary>All that are kept, by number.</summary>
    public IReadOnlyList<OutEntry> Entries
    {
        get
        {
            lock (gate)
            {
                return [.. Load().Values.Select(e => e.Clone())];
            }
        }
    }

    /// <exception cref="FaultException">request-unknown.</exception>
    public OutEntry Find(ulong number)
    {
        lock (gate)
        {
            return Load().GetValueOrDefault(number)?.Clone() ?? throw new FaultException(FaultCodes.RequestUnknown, ("number", $"{number}"));
        }
    }

    /// <summary>Takes the digests of files below outbox/ as they are now.</summary>
    /// <exception cref="FaultException">file-unknown, file-kind, file-changed; bad-request; share-full.</exception>
    public OutEntry Ask(Visitor by, IReadOnlyList<FilePath> paths, string reason, DateTimeOffset now, CancellationToken stop)
    {
        if (paths.Count == 0 || paths.FirstOrDefault(p => !p.IsBelow(Outbox)) is not null)
        {
            throw FileTree.Refused(FaultCodes.FileKind, paths.FirstOrDefault(p => !p.IsBelow(Outbox)) ?? Outbox, "only what lies in /safe/outbox is let out");
        }

        for (int i = 0; i < paths.Count; i++)
        {
            if (paths.Where((other, n) => n != i && (other.Equals(paths[i]) || other.IsBelow(paths[i]))).FirstOrDefault() is { } twice)
            {
                throw FileTree.Refused(FaultCodes.FileKind, twice, "it is named twice, or with a directory that it lies in");
            }
        }

        CheckReason(reason);
        lock (gate)
        {
            if (Load().Values.Count(e => e.State == OutState.OutWaiting) >= MostWaiting)
            {
                throw new FaultException(FaultCodes.TransfersBusy, ("why", $"{MostWaiting} requests wait to be decided"));
            }
        }

        string name = $".{Guid.NewGuid():n}";
        using var place = root.MakeDirectories(Place, Private);
        using var made = root.MakeDirectories(Place.Below(System.Text.Encoding.UTF8.GetBytes(name)), Private);
        try
        {
            var entry = new OutEntry
            {
                Member = by.Member.Name,
                MemberId = ByteString.CopyFrom(by.Member.Id.ToBytes()),
                Device = by.Device,
                AskedUnix = now.ToUnixTimeSeconds(),
                Reason = reason,
            };
            OutContent.Take(made, files, paths, entry, stop);
            lock (gate)
            {
                entry.Number = Load().Keys.Concat(unreadable).DefaultIfEmpty().Max() + 1;
                DurableFile.Write(made, "request", entry.ToByteArray());
                Log.Write(now, entry.Number, "asked", by, ("files", OutLog.Text($"{entry.Files}")), ("bytes", OutLog.Text($"{entry.Bytes}")), DigestOf(entry), ("reason", OutLog.Text(reason)));
                if (!Stdio.TryRename(place, RawPath.Of(name), place, RawPath.Of($"{entry.Number}"), replace: false))
                {
                    throw new IOException($"there is something in the place of request {entry.Number}");
                }

                Load()[entry.Number] = entry;    // it is there from now on, whatever else fails
                Fcntl.Sync(place);
                Tidy(place);
                return entry.Clone();
            }
        }
        catch (LinuxException e) when (e.Number == Errno.NoSpace)
        {
            Remove(place, name);
            throw new FaultException(FaultCodes.ShareFull, ("file", "the request"));
        }
        catch
        {
            Remove(place, name);
            throw;
        }
    }

    /// <summary>An owner other than who asked lets it out, or does not.</summary>
    /// <param name="digest">Of the list that the owner saw.</param>
    /// <exception cref="FaultException">request-unknown, request-decided, request-own, not-owner.</exception>
    public OutEntry Decide(ulong number, bool approve, string reason, ReadOnlySpan<byte> digest, Visitor by, DateTimeOffset now)
    {
        CheckReason(reason);
        lock (gate)
        {
            var entry = Find(number);
            if (entry.State != OutState.OutWaiting)
            {
                throw new FaultException(
                    FaultCodes.RequestDecided, ("number", $"{number}"), ("how", entry.State == OutState.OutApproved ? "approved" : "refused"), ("member", entry.DecidedBy));
            }

            if (IsOf(entry, by))
            {
                throw new FaultException(FaultCodes.RequestOwn, ("number", $"{number}"), ("others", by.OthersOwn ? "yes" : ""));
            }

            if (!by.Member.IsOwner)
            {
                throw new FaultException(FaultCodes.NotOwner);
            }

            if (!digest.SequenceEqual(entry.Digest.Span))
            {
                throw new FaultException(FaultCodes.BadRequest, ("what", "a decision about another list"));
            }

            entry.State = approve ? OutState.OutApproved : OutState.OutRefused;
            (entry.DecidedBy, entry.DecidedUnix, entry.DecisionReason) = (by.Member.Name, now.ToUnixTimeSeconds(), reason);
            Log.Write(now, number, approve ? "approved" : "refused", by, DigestOf(entry), ("reason", OutLog.Text(reason)));
            using var directory = root.OpenDirectory(Of(number));
            DurableFile.Write(directory, "decision", entry.ToByteArray());
            Load()[number] = entry;
            return entry.Clone();
        }
    }

    /// <summary>What of a request may be read: by anybody once it is approved, and by owners who are to look into it before.</summary>
    /// <exception cref="FaultException">request-unknown, needs-approval, not-owner, request-own.</exception>
    public OutContent Open(ulong number, bool look, Visitor by)
    {
        var entry = RequireOpen(number, look, by);
        return new OutContent(root.OpenDirectory(Of(number)), entry);
    }

    /// <summary>The request, if what it holds may be read at this moment.</summary>
    /// <exception cref="FaultException">As <see cref="Open"/>.</exception>
    public OutEntry RequireOpen(ulong number, bool look, Visitor by)
    {
        var entry = Find(number);
        if (entry.State == OutState.OutApproved || (look && by.Member.IsOwner && !IsOf(entry, by)))
        {
            return entry;
        }

        // Who looks sees it on a device: that is for who may let it out, and not for who wants it out.
        throw look
            ? new FaultException(by.Member.IsOwner ? FaultCodes.RequestOwn : FaultCodes.NotOwner, ("number", $"{number}"), ("others", by.OthersOwn ? "yes" : ""))
            : Withheld(entry);
    }

    /// <summary>The list of a request. Names, lengths and digests are data, which a host chooses: before a decision they are for owners.</summary>
    /// <exception cref="FaultException">request-unknown, needs-approval.</exception>
    public OutContent Show(ulong number, Visitor by)
    {
        var entry = RequireShown(number, by);
        return new(root.OpenDirectory(Of(number)), entry);
    }

    /// <summary>The request, if its list may be seen at this moment.</summary>
    /// <exception cref="FaultException">request-unknown, needs-approval.</exception>
    public OutEntry RequireShown(ulong number, Visitor by)
    {
        var entry = Find(number);
        return MaySee(entry, by) ? entry : throw Withheld(entry);
    }

    /// <summary>All that are kept, by number, as somebody may see them.</summary>
    public IReadOnlyList<OutEntry> EntriesFor(Visitor by) => [.. Entries.Select(e => Seen(e, by))];

    /// <summary>A request as somebody may see it: who may not see its list learns the order of its size, and not the digest.</summary>
    public static OutEntry Seen(OutEntry entry, Visitor by)
    {
        var seen = entry.Clone();
        if (!MaySee(entry, by))
        {
            seen.Digest = ByteString.Empty;
            (seen.Bytes, seen.Files, seen.LeftOut) = (Order(seen.Bytes), (uint)Order(seen.Files), (uint)Order(seen.LeftOut));
        }

        return seen;
    }

    /// <summary>The next power of two.</summary>
    private static ulong Order(ulong n) => n <= 1 ? n : System.Numerics.BitOperations.RoundUpToPowerOf2(n);

    private static bool MaySee(OutEntry entry, Visitor by) => by.Free || by.Member.IsOwner || entry.State == OutState.OutApproved;

    private static FaultException Withheld(OutEntry entry) => new(
        FaultCodes.NeedsApproval, ("number", $"{entry.Number}"), ("state", entry.State == OutState.OutRefused ? $"refused by {entry.DecidedBy}" : "not decided yet"));

    private static (string, byte[]) DigestOf(OutEntry entry) => ("digest", OutLog.Text(Convert.ToHexStringLower(entry.Digest.Span)));

    private static bool IsOf(OutEntry entry, Visitor by) => entry.MemberId.Span.SequenceEqual(by.Member.Id.ToBytes());

    private static FilePath Of(ulong number) => Place.Below(System.Text.Encoding.UTF8.GetBytes($"{number}"));

    private static void CheckReason(string reason)
    {
        if (string.IsNullOrWhiteSpace(reason) || reason.Length > LongestReason)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", $"a reason of 1 to {LongestReason} characters"));
        }
    }

    private SortedDictionary<ulong, OutEntry> Load()
    {
        if (entries is { } known)
        {
            return known;
        }

        var found = new SortedDictionary<ulong, OutEntry>();
        var not = new List<ulong>();
        if (root.Find(Place) is null)
        {
            return entries = found;    // nothing is made by who only looks: a full volume shows its status, too
        }

        using var place = root.MakeDirectories(Place, Private);
        using (var names = new Dirent(place))
        {
            while (names.Next() is { } name)
            {
                if (ulong.TryParse(name.ToString(), out ulong number))
                {
                    if (Read(place, name, number) is { } entry)
                    {
                        found[number] = entry;
                    }
                    else
                    {
                        not.Add(number);
                    }
                }
                else
                {
                    Remove(place, name.ToString());    // it was being made when safed ended
                }
            }
        }

        unreadable = not;
        return entries = found;
    }

    private static OutEntry? Read(Microsoft.Win32.SafeHandles.SafeFileHandle place, RawPath name, ulong number)
    {
        using var directory = FileTree.OpenDirectory(place, name, Of(number));
        try
        {
            return (DurableFile.Read(directory, "decision") ?? DurableFile.Read(directory, "request")) is { } bytes && OutEntry.Parser.ParseFrom(bytes) is var entry && entry.Number == number
                ? entry : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    /// <summary>The oldest that are decided make room; the log keeps what was.</summary>
    private void Tidy(Microsoft.Win32.SafeHandles.SafeFileHandle place)
    {
        foreach (ulong old in Load().Values.Where(e => e.State != OutState.OutWaiting).Select(e => e.Number).Take(Load().Count - MostKept).ToArray())
        {
            Remove(place, $"{old}");
            Load().Remove(old);
        }
    }

    /// <summary>Not half of it: what was cut short has a name that the next look takes for left over.</summary>
    private static void Remove(Microsoft.Win32.SafeHandles.SafeFileHandle place, string name)
    {
        if (Stat.Find(place, RawPath.Of(name)) is not { IsDirectory: true })
        {
            return;
        }

        if (name[0] != '.')
        {
            string gone = $".{Guid.NewGuid():n}";
            Stdio.Rename(place, name, place, gone);
            Fcntl.Sync(place);
            name = gone;
        }

        using (var directory = FileTree.OpenDirectory(place, RawPath.Of(name), Place))
        {
            foreach (string entry in (string[])["request", "decision", "files", "checks", ".request.new", ".decision.new"])
            {
                Unistd.Unlink(directory, RawPath.Of(entry));
            }
        }

        Unistd.Unlink(place, RawPath.Of(name), directory: true);
    }
}
