using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>Files and directories of the team's directory onto this device.</summary>
/// <param name="named">Paths below the team's directory.</param>
/// <param name="request">The number of the request that lets them out; 0: they are free.</param>
/// <param name="look">To see what is to be decided.</param>
/// <param name="destination">A directory of this device, or with one file alone its name.</param>
public sealed class Getting(Server server, IReadOnlyList<FilePath> named, string destination, bool replace, ulong request = 0, bool look = false)
{
    /// <summary>Below which all that a request holds lies.</summary>
    public static FilePath Outbox { get; } = FilePath.Parse("outbox");

    private readonly Let? let = request == 0 ? null : new Let(request, look);

    public TransferOutcome Outcome { get; } = new();

    /// <exception cref="FaultException">What ended it; what has its name by then is whole.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        var (tree, aim) = Aim();
        // Listed once, however often the connection goes; a list may be longer than memory.
        await using var list = new FileStream(Path.Combine(Path.GetTempPath(), $"safe-{Guid.NewGuid():n}"), new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.DeleteOnClose,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        await Streams.RunAsync(server, Outcome, () => ListAsync(list, stop), stop).ConfigureAwait(false);
        list.Position = 0;
        using var walk = Walk(list, tree, aim).GetEnumerator();
        var again = new Queue<Wanted>();
        await Streams.RunAsync(
            server, Outcome,
            async () =>
            {
                using var call = server.Inside.Get(stop);
                using var fetching = new Fetching(call, Outcome, replace, let);
                try
                {
                    await fetching.RunAsync(
                        () => again.TryDequeue(out var left) ? left : walk.MoveNext() ? walk.Current : null, stop).ConfigureAwait(false);
                }
                catch
                {
                    again = new Queue<Wanted>(fetching.TakeUnanswered().Concat(again));
                    throw;
                }
            },
            stop).ConfigureAwait(false);
    }

    /// <summary>The directory that all goes below, and what a path is called there.</summary>
    private (FileTree Tree, Func<FilePath, FilePath> Aim) Aim()
    {
        string full = Path.GetFullPath(destination);
        bool isDirectory = Directory.Exists(full), into = isDirectory || destination.EndsWith('/');
        if (!into && named.Count > 1)
        {
            throw new FaultException(FaultCodes.Usage, ("what", $"there is no directory {destination}"), ("hint", "several go into a directory: end its name with a slash to have it made"));
        }

        string root = isDirectory ? full : Path.GetDirectoryName(full.TrimEnd('/')) ?? "/";
        if (!Directory.Exists(root))
        {
            throw new FaultException(FaultCodes.FileUnknown, ("file", root), ("where", "device"));
        }

        var tree = new FileTree(() => Fcntl.Open(root, Fcntl.ReadOnly | Fcntl.Directory));
        var below = isDirectory ? FilePath.Root : FilePath.Parse(Path.GetFileName(full.TrimEnd('/')));
        // Of a request as a whole the outbox's own name says nothing.
        return (tree, path => into && !(let is not null && path.Equals(Outbox)) ? below.Below(path.IsRoot ? "safe"u8 : path.Name.Bytes) : below);
    }

    // What a request holds is the server's word. Laid into a home as a whole it must not set up a shell or SSH there.
    private bool IsHiddenAmongOthers(FilePath target, FilePath to) => let is not null && target.IsRoot && !to.IsRoot && to.Bytes[0] == (byte)'.';

    private async Task ListAsync(FileStream list, CancellationToken stop)
    {
        list.SetLength(0);
        Outcome.Total = default;
        foreach (var path in named)
        {
            await foreach (var (_, found) in RemoteFiles.ListAsync(server, path, all: true, stop, let).ConfigureAwait(false))
            {
                found.WriteDelimitedTo(list);
                Outcome.Total = (Outcome.Total.Files + (found.Kind == FileKind.File ? 1 : 0), Outcome.Total.Bytes + (long)found.Length);
            }

            new FileFound().WriteDelimitedTo(list);    // nothing more of this one
        }
    }

    private IEnumerable<Wanted> Walk(FileStream list, FileTree tree, Func<FilePath, FilePath> aim)
    {
        foreach (var path in named)
        {
            var target = aim(path);
            for (bool first = true; ; first = false)
            {
                var found = FileFound.Parser.ParseDelimitedFrom(list);
                var at = FilePath.Parse(found.Path.Span);
                if (at.IsRoot && !(first && path.IsRoot))
                {
                    break;
                }

                var to = target.Below(at.From(path));
                if (!IsHiddenAmongOthers(target, to))
                {
                    yield return new Wanted(at, tree, to, found.Kind, (long)found.Length);
                }
                else if (found.Kind == FileKind.File)
                {
                    Outcome.Fail(at.ToString(), FileTree.Refused(FaultCodes.FileName, at, "it would be hidden among your own files; get it by its name, or all into a new directory"));
                }
            }
        }
    }
}
