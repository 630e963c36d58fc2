using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts.Link;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Within;

/// <summary>What safed does for the machine of one host, by its number: the inside has no rights over the server.</summary>
/// <param name="number">0: an image that is prepared.</param>
public sealed class RemoteRights(ResidentLink link, int number) : IMachineRights
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public bool HasNoNetwork => true;

    public async Task<PidFd> ServeShareAsync(MachineStart start, SafeHandle listener)
    {
        using var log = Child.OpenLog(start.Places.VirtiofsdLog);
        var served = await link.AskAsync(new ToResident { ServeShare = new ShareOrder { Host = (uint)number } }, CancellationToken.None, listener, log).ConfigureAwait(false);
        return PidFd.Adopt(served.Message.Answer.Process, served.Descriptors[0]);
    }

    public Task EndStraysAsync(HostPlaces places, TimeSpan limit) => link.DoAsync(new ToResident
    {
        EndStrays = new StraysOrder { Host = (uint)number, Milliseconds = (uint)Math.Max(1, limit.TotalMilliseconds) },
    });

    public (SafeFileHandle Maps, SafeFileHandle Pages) OpenPages(int process)
    {
        using var limit = new CancellationTokenSource(Limit);
        var opened = link.AskAsync(new ToResident { OpenPages = new ProcessOrder { Host = (uint)number, Process = process } }, limit.Token).GetAwaiter().GetResult();
        return (opened.Descriptors[0], opened.Descriptors[1]);
    }

    public async Task<SafeFileHandle> OpenLoneTapAsync() =>
        (await link.AskAsync(new ToResident { OpenLoneTap = new Nothing() }, CancellationToken.None).ConfigureAwait(false)).Descriptors[0];
}
