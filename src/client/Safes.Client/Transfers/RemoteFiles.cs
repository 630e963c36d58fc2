using System.Runtime.CompilerServices;
using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>The request that lets files out.</summary>
/// <param name="Look">By who decides it.</param>
internal sealed record Let(ulong Number, bool Look);

/// <summary>What the server says there is in the team's directory.</summary>
internal static class RemoteFiles
{
    private static readonly TimeSpan ListLimit = TimeSpan.FromHours(24);

    /// <summary>Null when there is nothing at that path.</summary>
    public static async Task<FileFound?> FindAsync(Server server, FilePath path, CancellationToken stop)
    {
        try
        {
            await foreach (var found in ListAsync(server, path, all: false, stop).ConfigureAwait(false))
            {
                return found.Found;
            }

            return null;
        }
        catch (FaultException e) when (e.Code == FaultCodes.FileUnknown)
        {
            return null;
        }
    }

    /// <summary>What is at a path, and with <paramref name="all"/> below it. Nothing that the server says leads out of it.</summary>
    /// <exception cref="FaultException">file-unknown.</exception>
    public static async IAsyncEnumerable<(FilePath Path, FileFound Found)> ListAsync(Server server, FilePath path, bool all, [EnumeratorCancellation] CancellationToken stop, Let? let = null)
    {
        var request = new ListFilesRequest { Path = ByteString.CopyFrom(path.Bytes), All = all, Out = let?.Number ?? 0, Look = let is { Look: true } };
        await foreach (var found in server.Inside.StreamAsync((c, o) => c.ListFiles(request, o), ListLimit, stop).ConfigureAwait(false))
        {
            foreach (var file in found.Files)
            {
                var at = FilePath.Parse(file.Path.Span);
                yield return at.IsBelow(path) && file.Length <= long.MaxValue / 2
                    ? (at, file) : throw new FaultException(FaultCodes.BadRequest, ("what", "a path that was not asked for"), ("from", "server"));
            }
        }
    }
}
