using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Contracts.V1;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>Requests to let files out, as a member's device makes, sees and decides them.</summary>
public sealed class OutRequests(Server server)
{
    /// <summary>Taking digests reads every file once.</summary>
    private static readonly TimeSpan AskLimit = TimeSpan.FromHours(12), ListLimit = TimeSpan.FromMinutes(10);

    /// <exception cref="Contracts.FaultException">file-unknown, file-kind, file-changed, bad-request.</exception>
    public Task<OutEntry> AskAsync(IReadOnlyList<FilePath> paths, string reason, CancellationToken stop)
    {
        var request = new AskOutRequest { Reason = reason };
        request.Paths.AddRange(paths.Select(p => ByteString.CopyFrom(p.Bytes)));
        return server.Inside.CallAsync((c, o) => c.AskOutAsync(request, o), AskLimit, stop);
    }

    public async Task<IReadOnlyList<OutEntry>> ListAsync(CancellationToken stop)
    {
        List<OutEntry> all = [];
        await foreach (var entry in server.Inside.StreamAsync((c, o) => c.ListOut(new ListOutRequest(), o), ListLimit, stop).ConfigureAwait(false))
        {
            all.Add(entry);
        }

        return all;
    }

    /// <exception cref="Contracts.FaultException">request-unknown.</exception>
    public async Task<OutEntry> FindAsync(ulong number, CancellationToken stop) =>
        (await ListAsync(stop).ConfigureAwait(false)).FirstOrDefault(e => e.Number == number)
        ?? throw new Contracts.FaultException(Contracts.FaultCodes.RequestUnknown, ("number", $"{number}"));

    /// <exception cref="Contracts.FaultException">request-unknown.</exception>
    public async IAsyncEnumerable<OutFile> FilesAsync(ulong number, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        await foreach (var some in server.Inside.StreamAsync((c, o) => c.ShowOut(new OutNumber { Number = number }, o), ListLimit, stop).ConfigureAwait(false))
        {
            foreach (var file in some.Files)
            {
                yield return file;
            }
        }
    }

    /// <summary>Decides about the list whose digest this device was shown, and about no other.</summary>
    /// <exception cref="Contracts.FaultException">request-unknown, request-decided, request-own, not-owner.</exception>
    public async Task<OutEntry> DecideAsync(ulong number, bool approve, string reason, CancellationToken stop)
    {
        var seen = await FindAsync(number, stop).ConfigureAwait(false);
        var request = new DecideOutRequest { Number = number, Approve = approve, Reason = reason, Digest = seen.Digest };
        return await server.Inside.CallAsync((c, o) => c.DecideOutAsync(request, o), Server.CallLimit, stop).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<string> LogAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        await foreach (var some in server.Inside.StreamAsync((c, o) => c.ReadOutLog(new ReadOutLogRequest(), o), ListLimit, stop).ConfigureAwait(false))
        {
            foreach (string line in some.Lines)
            {
                yield return line;
            }
        }
    }
}
