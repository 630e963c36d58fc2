using Safes.Contracts;

namespace Safes.Client.Transfers;

/// <summary>Something that did not go over: why not, by its path for people.</summary>
public sealed record NotTransferred(string Path, FaultException Fault);

/// <summary>What became of a transfer, counted while it goes on. Read by whoever shows it, in a thread of its own.</summary>
public sealed class TransferOutcome
{
    /// <summary>How many are named of those that did not go over; the rest is counted.</summary>
    public const int MostNamed = 100;

    private readonly Lock gate = new();
    private readonly List<NotTransferred> failed = [];
    private readonly List<(string Path, string Why)> skipped = [];
    private long files, already, directories, bytes, sent, failures, skips;

    /// <summary>How much there is to do, where it was counted beforehand.</summary>
    public (long Files, long Bytes) Total { get; internal set; }

    /// <summary>The file that is under way.</summary>
    public string Current { get; internal set; } = "";

    public long Files => Interlocked.Read(ref files);

    /// <summary>Of those, how many were there already, the same.</summary>
    public long Already => Interlocked.Read(ref already);

    public long Directories => Interlocked.Read(ref directories);

    /// <summary>Of the files that are under way or done, holes and what was there already included.</summary>
    public long Bytes => Interlocked.Read(ref bytes);

    /// <summary>Data that went over the connection.</summary>
    public long Sent => Interlocked.Read(ref sent);

    /// <summary>Links, devices, pipes, sockets: what is never sent.</summary>
    public long Skips => Interlocked.Read(ref skips);

    public long Failures => Interlocked.Read(ref failures);

    /// <summary>How often the connection was lost and taken up again.</summary>
    public int Resumed { get; internal set; }

    public IReadOnlyList<NotTransferred> Failed => Copy(failed);

    public IReadOnlyList<(string Path, string Why)> Skipped => Copy(skipped);

    internal void Done(bool was)
    {
        Interlocked.Increment(ref files);
        if (was)
        {
            Interlocked.Increment(ref already);
        }
    }

    internal void Made() => Interlocked.Increment(ref directories);

    internal void Went(long length, long data)
    {
        Interlocked.Add(ref bytes, length);
        Interlocked.Add(ref sent, data);
    }

    internal void Fail(string path, FaultException fault) => Note(failed, new NotTransferred(path, fault), ref failures);

    internal void Skip(string path, string why) => Note(skipped, (path, why), ref skips);

    private void Note<T>(List<T> to, T what, ref long count)
    {
        Interlocked.Increment(ref count);
        lock (gate)
        {
            if (to.Count < MostNamed)
            {
                to.Add(what);
            }
        }
    }

    private T[] Copy<T>(List<T> from)
    {
        lock (gate)
        {
            return [.. from];
        }
    }
}
