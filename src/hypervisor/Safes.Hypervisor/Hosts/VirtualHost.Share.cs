using Safes.Linux;

namespace Safes.Hypervisor.Hosts;

// What it has open on the share as it is left.
internal sealed partial class VirtualHost
{
    /// <summary>Its note, and while it runs what the last close cost it.</summary>
    private string Told => string.Join("; ", new[] { Note, State is HostState.Running or HostState.Degraded ? ShareWords.Lost(Definition.RemovedOpen) : "" }.Where(n => n.Length > 0));

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
