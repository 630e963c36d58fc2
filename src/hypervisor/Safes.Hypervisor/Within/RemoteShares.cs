using System.Runtime.InteropServices;
using Safes.Contracts.Link;
using Safes.Hypervisor.Hosts;

namespace Safes.Hypervisor.Within;

/// <summary>What share daemons have open, which only safed may look at; the names stay here.</summary>
public sealed class RemoteShares(ResidentLink link) : IShares
{
    public async Task<SharesSeen> LookAsync(IReadOnlyCollection<int> hosts, TimeSpan limit)
    {
        if (hosts.Count == 0)
        {
            return SharesSeen.Nothing;
        }

        using var late = new CancellationTokenSource(limit);
        try
        {
            using var seen = await link.AskAsync(new ToResident { LookAtShares = RemotePorts.All(hosts) }, late.Token).ConfigureAwait(false);
            return Of(seen.Message.Answer, seen.Descriptors);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            throw new IOException("what hosts have open was not seen in time");
        }
    }

    internal static SharesSeen Of(ResidentAnswer answer, IEnumerable<SafeHandle> places) => new(
        answer.OpenFiles.ToDictionary(f => (int)f.Host, f => (int)f.Removed),
        [.. answer.SharedFiles.Zip(places, (f, place) => new ContendedFile(Name(place), [.. f.Hosts.Select(h => (int)h)]))]);

    // The daemon's root is the share, and nothing else of it is mounted where we live: so the kernel names it from there on.
    private static string Name(SafeHandle place) =>
        File.ResolveLinkTarget($"/proc/self/fd/{place.DangerousGetHandle()}", returnFinalTarget: false) is { FullName: var name } ? name : "";
}
