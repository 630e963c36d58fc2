using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// Memory that a host will need at once when it goes on.
internal sealed partial class VirtualHost
{
    /// <summary>
    /// In the background, has the memory read that the guest needed after its last resume, and some seconds later remembers what it has used this
    /// time. Nobody waits for it, but whoever ends the machine: it must hold no file of the volume when the key is removed.
    /// </summary>
    private void Prefetch(VirtualMachine resumed)
    {
        var token = running.Token;
        prefetching = Task.Run(async () =>
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(token, closing);
            try
            {
                await Background.Run(() => resumed.ReadAhead(either.Token), "prefetch").ConfigureAwait(false);
                await Task.Delay(options.HotPagesAfter, either.Token).ConfigureAwait(false);
                await Background.Run(() => resumed.RecordHotPages(), "hot pages").ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // It ends: what was remembered before still holds.
            }
            catch (Exception e)
            {
                options.Trouble(e, $"memory of host {Definition.Name} could not be read ahead, or what it uses not be remembered");
            }
        });
    }
}
