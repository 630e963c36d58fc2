using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Hypervisor.Airlocks;
using Safes.Hypervisor.Sessions;
using Safes.Linux;
using Safes.Rules;
using Safes.Transfer;

namespace Safes.Hypervisor.Transfers;

/// <summary>
/// What transfers reach of an open volume: the team's directory, and a place of their own beside it, which no host sees, for what is not
/// whole yet. Both by descriptors that are open only while a transfer is under way.
/// </summary>
public sealed class TransferRoom
{
    /// <summary>How many streams at once: of one session, and of all. Each holds some three mebibytes.</summary>
    public const int MostOfASession = 4, MostAtOnce = 16;

    /// <summary>How many unfinished files are kept, and for how long after their last block.</summary>
    public const int MostStaged = 128;

    private const string Share = "share", Staging = "transfers";
    private const uint Private = 0x1c0;

    private static readonly TimeSpan Stale = TimeSpan.FromDays(7);

    private readonly Lock gate = new();
    private readonly Dictionary<LiveSession, int> streams = [];
    private readonly FileTree root;
    private readonly Func<Task<(long Total, long Free)>> room;
    private readonly Func<uint, FileOwner?> owner;
    private readonly Func<DataOut> dataOut;

    /// <param name="open">Opens the volume's directory, in which share/ is.</param>
    /// <param name="room">What the volume holds, and what of it is free.</param>
    /// <param name="owner">Who the files of a member (by index of admission) belong to; null: whoever runs this.</param>
    /// <param name="dataOut">How files leave, as owners have decided it by now.</param>
    public TransferRoom(Func<SafeFileHandle> open, Func<Task<(long Total, long Free)>> room, Func<uint, FileOwner?> owner, Func<DataOut> dataOut)
    {
        (this.room, this.owner, this.dataOut) = (room, owner, dataOut);
        root = new FileTree(open);
        Files = new FileTree(() => root.OpenDirectory(FilePath.Parse(Share)));
        Airlock = new Airlock(root, Files);
    }

    /// <summary>The team's directory.</summary>
    public FileTree Files { get; }

    public DataOut DataOut => dataOut();

    public Airlock Airlock { get; }

    /// <summary>Data leave without approval, at this moment.</summary>
    public bool IsFree => DataOut == DataOut.Free;

    /// <exception cref="FaultException">needs-approval: data do not leave freely, by now.</exception>
    public void RequireFree(bool leaves = true)
    {
        if (leaves && !IsFree)
        {
            throw new FaultException(FaultCodes.NeedsApproval, ("mode", DataOutRule.WordOf(DataOut)));
        }
    }

    public FileOwner? OwnerOf(int member) => owner((uint)member);

    /// <summary>One more stream of a session; disposing ends it.</summary>
    /// <exception cref="FaultException">transfers-busy.</exception>
    public IDisposable Enter(LiveSession session)
    {
        lock (gate)
        {
            int mine = streams.GetValueOrDefault(session);
            if (mine >= MostOfASession || streams.Values.Sum() >= MostAtOnce)
            {
                throw new FaultException(FaultCodes.TransfersBusy, ("why", mine >= MostOfASession ? $"{mine} of yours are under way" : $"{MostAtOnce} of the team are under way"));
            }

            streams[session] = mine + 1;
            return new Stream(this, session);
        }
    }

    /// <summary>Opens, or makes, the place of unfinished files, and takes away those that nobody has come back to.</summary>
    public SafeFileHandle OpenStaging(DateTimeOffset now)
    {
        var place = root.MakeDirectories(FilePath.Parse(Staging), Private);
        List<(RawPath Name, long Modified)> parts = [];
        using (var names = new Dirent(place))
        {
            while (names.Next() is { } name)
            {
                parts.Add((name, Stat.Find(place, name)?.ModifiedNanoseconds ?? 0));
            }
        }

        long oldest = (now - Stale).ToUnixTimeMilliseconds() * 1_000_000;
        foreach (var (name, _) in parts.OrderByDescending(p => p.Modified).Where((p, i) => p.Modified < oldest || i >= 2 * MostStaged))
        {
            Unistd.Unlink(place, name);
        }

        return place;
    }

    /// <summary>The name that a device's unfinished file of a path has there.</summary>
    public static string StagedName(string device, FilePath path) =>
        Convert.ToHexStringLower(SHA256.HashData([.. System.Text.Encoding.UTF8.GetBytes(device), 0, .. path.Bytes]).AsSpan(0, 16));

    /// <exception cref="FaultException">share-full: what hosts need to go on would be gone.</exception>
    public async Task NeedAsync(long bytes)
    {
        var (total, free) = await room().ConfigureAwait(false);
        long available = Math.Max(0, free - Math.Min(256L << 20, total / 50));
        if (bytes > available)
        {
            throw new FaultException(FaultCodes.ShareFull, ("wanted", $"{bytes}"), ("available", $"{available}"));
        }
    }

    private void Leave(LiveSession session)
    {
        lock (gate)
        {
            if (--streams[session] == 0)
            {
                streams.Remove(session);
            }
        }
    }

    private sealed class Stream(TransferRoom of, LiveSession session) : IDisposable
    {
        public void Dispose() => of.Leave(session);
    }
}
