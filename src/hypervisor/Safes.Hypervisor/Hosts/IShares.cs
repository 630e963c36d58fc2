namespace Safes.Hypervisor.Hosts;

/// <summary>What hosts' programs have open on the team's share, as the daemons that serve it have it.</summary>
public interface IShares
{
    /// <summary>Looks now. A host whose daemon does not run has nothing open.</summary>
    /// <exception cref="IOException">It could not be seen, or not in time.</exception>
    Task<SharesSeen> LookAsync(IReadOnlyCollection<int> hosts, TimeSpan limit);
}

/// <summary>What was seen.</summary>
/// <param name="Removed">By host's number: how many files its programs have open whose names are gone. Only those that have some.</param>
/// <param name="Contended">Files that several hosts have open for writing; at most <see cref="Most"/>.</param>
public sealed record SharesSeen(IReadOnlyDictionary<int, int> Removed, IReadOnlyList<ContendedFile> Contended)
{
    /// <summary>So many files are named.</summary>
    public const int Most = 16;

    public static SharesSeen Nothing { get; } = new(new Dictionary<int, int>(), []);
}

/// <param name="Path">As hosts have it, below /safe.</param>
/// <param name="Hosts">Their numbers.</param>
public sealed record ContendedFile(string Path, IReadOnlyList<int> Hosts);

/// <summary>What can be lost on the share, in words.</summary>
/// <param name="Contended">Several hosts write it at once; else it is removed and still open.</param>
public sealed record ShareTrouble(string Text, IReadOnlyList<string> Hosts, bool Contended);

/// <summary>For who runs hosts without anybody to look.</summary>
public sealed class NoShares : IShares
{
    public static NoShares Instance { get; } = new();

    public Task<SharesSeen> LookAsync(IReadOnlyCollection<int> hosts, TimeSpan limit) => Task.FromResult(SharesSeen.Nothing);
}
