namespace Safes.Hypervisor.Hosts;

/// <summary>What can be lost on the team's share, in words for members: docs/what-holds.md has the measurements.</summary>
internal static class ShareWords
{
    private const string Wal = "-wal", Index = "-shm";

    /// <summary>What can be helped now: first a line for each SQLite database, whatever it has open beside it, then one for each other file.</summary>
    /// <param name="name">Of a host, by its number.</param>
    public static IEnumerable<ShareTrouble> Of(SharesSeen seen, Func<int, string> name)
    {
        var databases = seen.Contended.Where(f => IsBeside(f.Path)).GroupBy(f => f.Path[..^Wal.Length], StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
        foreach (var database in databases)
        {
            string[] hosts = Names(database.SelectMany(f => f.Hosts), name);
            yield return new ShareTrouble(
                $"{All(hosts)} have the SQLite database /safe{database.Key} open in WAL mode: committed rows get lost, and nothing tells. Use it on one host", hosts, true);
        }

        foreach (var file in seen.Contended.Where(f => !IsBeside(f.Path) && databases.All(d => d.Key != f.Path)).OrderBy(f => f.Path, StringComparer.Ordinal))
        {
            string[] hosts = Names(file.Hosts, name);
            yield return new ShareTrouble($"{All(hosts)} have /safe{file.Path} open for writing at once: what one of them writes can be lost", hosts, true);
        }

        foreach (var (host, removed) in seen.Removed.Select(r => (Host: name(r.Key), Removed: r.Value)).OrderBy(r => r.Host, StringComparer.Ordinal))
        {
            yield return new ShareTrouble(
                $"{host}: {Files(removed)} on /safe {(removed == 1 ? "is" : "are")} still open; after the next close {(removed == 1 ? "it" : "they")} cannot be read any more",
                [host], false);
        }
    }

    /// <summary>While it is closed.</summary>
    public static string Left(int removed) => $"{Files(removed)} on /safe {(removed == 1 ? "was" : "were")} still open";

    /// <summary>At the next opening; empty for none.</summary>
    public static string Lost(int removed) =>
        removed == 0 ? "" : $"{Left(removed)} when the safe closed: reading {(removed == 1 ? "it" : "them")} gives EIO; start anew what has {(removed == 1 ? "it" : "them")} open";

    private static string Files(int removed) => removed == 1 ? "1 removed file" : $"{removed} removed files";

    private static bool IsBeside(string path) => path.EndsWith(Wal, StringComparison.Ordinal) || path.EndsWith(Index, StringComparison.Ordinal);

    private static string[] Names(IEnumerable<int> hosts, Func<int, string> name) => [.. hosts.Distinct().Select(name).Order(StringComparer.Ordinal)];

    private static string All(string[] hosts) => hosts.Length < 2 ? string.Concat(hosts) : $"{string.Join(", ", hosts[..^1])} and {hosts[^1]}";
}
