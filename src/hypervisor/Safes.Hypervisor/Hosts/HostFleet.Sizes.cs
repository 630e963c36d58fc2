using Safes.Contracts;
using Safes.Linux;

namespace Safes.Hypervisor.Hosts;

// How large hosts are, and may become.
public sealed partial class HostFleet
{
    /// <summary>Gives a host other sizes from its next boot on; zeros stay as they are, the sizes it has now take an earlier wish back.</summary>
    /// <exception cref="FaultException">HostUnknown, HostMemory, HostDisk, NoRoom, Closing, BadRequest.</exception>
    public async Task<HostStatus> ResizeAsync(HostRequest request)
    {
        var host = Find(request.Name);
        using (await OneAtATimeAsync().ConfigureAwait(false))
        {
            var before = host.Definition.Next ?? host.Definition.Sizes;
            var wanted = new HostSizes(
                request.Cpus == 0 ? before.Cpus : request.Cpus, request.MemoryBytes == 0 ? before.MemoryBytes : request.MemoryBytes,
                request.DiskBytes == 0 ? before.DiskBytes : request.DiskBytes);
            await room.CheckAsync(
                host.Definition, wanted, MemoryOfAllBut(host),
                hosts.Values.Where(h => h != host && h.Definition.Next is not null).Sum(h => HostRoom.More(h.Definition, h.Definition.Next!))).ConfigureAwait(false);
            try
            {
                await host.ResizeAsync(wanted).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw Closing();
            }
            catch (IOException e)
            {
                throw HostFaults.From(e, request.Name);
            }
        }

        return host.Status();
    }

    /// <summary>What has to be saved when they are closed, now or after their next boot.</summary>
    private long MemoryOfAllBut(VirtualHost? one) => hosts.Values.Where(h => h != one).Sum(h => Math.Max(MemoryOf(h), Math.Min(h.Definition.Next?.MemoryBytes ?? 0, HostRoom.MemoryTotal())));

    /// <summary>QEMU's user can write what it likes into its host's definition; but once it is made, only what has its room on the volume is memory.</summary>
    private static long MemoryOf(VirtualHost host) => host.State is HostState.Starting
        ? host.Definition.MemoryBytes : Math.Min(host.Definition.MemoryBytes, Stat.Find(host.Places.Ram)?.AllocatedBytes ?? 0);
}
