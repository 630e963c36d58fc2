using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>A host suspended and resumed, against what libvirt does for the same guest: its memory written to a file and read back.</summary>
internal static class ManagedSave
{
    private const long Memory = 2L << 30;
    private const int Touched = 1024;

    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var safe = await BenchSafe.MakeAsync(14L << 30, Memory);
        await safe.WorkAsync(Touched);
        string directory = safe.Fleet.Volume.At("libvirt");
        List<TimeSpan> ours = [], theirs = [];
        try
        {
            await LibvirtGuest.MakeAsync(await Parts.ToolsAsync(), directory, await Parts.ImageAsync(), Memory);
            await using (var guest = await LibvirtGuest.ConnectAsync(directory))
            {
                await guest.BeginAsync(Touched);
                await guest.SaveAsync();
            }

            for (int i = 0; i < Math.Min(runs, 5); i++)
            {
                ours.Add(await safe.CloseAsync() + await safe.OpenAsync());
                // The volume was closed: nothing of what was saved is in memory any more.
                await using var guest = await LibvirtGuest.ConnectAsync(directory);
                theirs.Add(await guest.StartAsync() + await guest.SaveAsync());
            }
        }
        finally
        {
            LibvirtGuest.Remove();
        }

        return
        [
            Measurement.Against(
                "managedsave", "closing and opening with a host of 2 GiB, 1 GiB of it touched; what it had written since the last time was written back before", ours,
                "`virsh managedsave` and `virsh start` of the same guest, on the same volume", theirs, 0.1),
        ];
    }
}
