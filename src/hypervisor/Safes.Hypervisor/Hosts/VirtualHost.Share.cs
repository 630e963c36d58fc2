using Safes.Linux;

namespace Safes.Hypervisor.Hosts;

// What it has open on the share as it is left.
internal sealed partial class VirtualHost
{
    private Task KeepLeftOpenAsync(int removed) => removed == Definition.RemovedOpen ? Task.CompletedTask : Background.Run(() =>
    {
        try
        {
            Define(Definition with { RemovedOpen = removed });
        }
        catch (IOException e)
        {
            options.Trouble(e, $"host {Definition.Name}: how many removed files it had open");    // no reason to lose its memory
        }
    });
}
