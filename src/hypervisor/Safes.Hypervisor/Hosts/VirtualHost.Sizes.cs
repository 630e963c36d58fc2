using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// Other sizes, which a host has from its next boot on.
internal sealed partial class VirtualHost
{
    /// <summary>Remembers what it is to have from its next boot on; one record, so after a cut it is the old wish or the new one.</summary>
    /// <exception cref="HungException">What else is under way with it takes too long.</exception>
    public Task ResizeAsync(HostSizes wanted) => AloneAsync(options.BusyLimit, _ => Background.Run(() =>
    {
        ThrowIfRemoved();
        closing.ThrowIfCancellationRequested();
        Define(Definition with { Next = wanted == Definition.Sizes ? null : wanted });
        changed(this);
    }));

    /// <summary>
    /// Gives it the sizes it was promised, with its memory cleared; false: there are none, or there is no room for them now, and it boots as it
    /// was. They are written down before it runs: whoever takes it over must know them.
    /// </summary>
    private async Task<bool> TakeSizesAsync(Steps steps)
    {
        if (Definition.Next is not { } next)
        {
            return false;
        }

        if (!HostRoom.Has(options, Definition, next))
        {
            steps.Begin("size", "no room on the volume for it now: it boots as it was").Dispose();
            return false;
        }

        using (steps.Begin("size"))
        {
            try
            {
                await Background.Run(() => HostFiles.ClearRam(Hardware with { Cpus = next.Cpus, MemoryBytes = next.MemoryBytes }, Places)).ConfigureAwait(false);
                await DiskImage.GrowAsync(options.Tools, Places.Disk, next.DiskBytes).ConfigureAwait(false);
            }
            catch (Exception e) when (e is LinuxException { Number: Errno.NoSpace } or ToolException)
            {
                return false;       // the room was taken since it was looked; the wish stays
            }

            Define(Definition with { Cpus = next.Cpus, MemoryBytes = next.MemoryBytes, DiskBytes = next.DiskBytes, Next = null });
            return true;
        }
    }
}
