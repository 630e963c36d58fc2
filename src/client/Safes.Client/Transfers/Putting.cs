using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>Files and directories of this device into the team's directory.</summary>
/// <param name="named">What a person named, and where each goes.</param>
/// <param name="replace">Whether files that are there give way.</param>
public sealed class Putting(Server server, IReadOnlyList<(string Path, FilePath Target)> named, bool replace)
{
    /// <summary>So many files are looked for before anything is sent; the others are sent whether they are there or not.</summary>
    private const int MostLookedFor = 200_000;

    public TransferOutcome Outcome { get; } = new();

    /// <summary>
    /// Where each goes: into a directory that is there (or whose name ends with a slash) under its own name; otherwise one alone takes the
    /// destination's name.
    /// </summary>
    /// <exception cref="FaultException">usage: several into something that is no directory. file-name.</exception>
    public static async Task<IReadOnlyList<(string Path, FilePath Target)>> AimAsync(Server server, IReadOnlyList<string> local, FilePath target, bool slash, CancellationToken stop)
    {
        bool into = slash || target.IsRoot || await RemoteFiles.FindAsync(server, target, stop).ConfigureAwait(false) is { Kind: FileKind.Directory };
        if (!into && local.Count > 1)
        {
            throw new FaultException(FaultCodes.Usage, ("what", $"there is no directory /safe/{target}"), ("hint", "several go into a directory: end its name with a slash to have it made"));
        }

        return [.. local.Select(path => (path, into ? target.Below(System.Text.Encoding.UTF8.GetBytes(LocalFiles.NameOf(path))) : target))];
    }

    /// <exception cref="FaultException">What ended it; what was answered by then is there.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        var files = new LocalFiles(named);
        Outcome.Total = files.Walk(null).Aggregate((Files: 0L, Bytes: 0L), (sum, f) => (sum.Files + (f.IsDirectory ? 0 : 1), sum.Bytes + f.Length));
        var there = await FindThereAsync(stop).ConfigureAwait(false);
        bool MayBeThere(LocalFile file) => there.TryGetValue(file.Target, out ulong length) && length == (ulong)file.Length;
        using var walk = files.Walk(Outcome).GetEnumerator();
        var again = new Queue<LocalFile>();
        await Streams.RunAsync(
            server, Outcome,
            async () =>
            {
                using var call = server.Inside.Put(stop);
                using var sending = new Sending(call, Outcome, replace, MayBeThere);
                try
                {
                    await sending.RunAsync(() => again.TryDequeue(out var left) ? left : walk.MoveNext() ? walk.Current : null, stop).ConfigureAwait(false);
                }
                catch
                {
                    again = new Queue<LocalFile>(sending.TakeUnanswered().Concat(again));
                    throw;
                }
            },
            stop).ConfigureAwait(false);
    }

    /// <summary>The files that are there where directories go, and their lengths. Nothing where that is not told: then all is sent.</summary>
    private async Task<Dictionary<FilePath, ulong>> FindThereAsync(CancellationToken stop)
    {
        Dictionary<FilePath, ulong> there = [];
        try
        {
            foreach (var (_, target) in named.Where(n => Directory.Exists(n.Path)))
            {
                await foreach (var (path, found) in RemoteFiles.ListAsync(server, target, all: true, stop).ConfigureAwait(false))
                {
                    if (found.Kind == FileKind.File && there.Count < MostLookedFor)
                    {
                        there[path] = found.Length;
                    }
                }
            }
        }
        catch (FaultException e) when (e.Code != FaultCodes.NoSession)
        {
            // Not there yet, or not to be seen.
        }

        return there;
    }
}
