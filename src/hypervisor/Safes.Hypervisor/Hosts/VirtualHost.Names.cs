namespace Safes.Hypervisor.Hosts;

// What a host knows of the others.
internal sealed partial class VirtualHost
{
    private string NetworkScript => GuestScripts.Network(
        Hardware.Mac, $"{options.Ports.Address(Definition.Number)}", $"{options.Ports.Address6(Definition.Number)}", $"{options.Ports.Gateway}");

    private bool HasNames => Definition.IsProxy || Definition.Names == names().Mark;

    /// <summary>Tells it the hosts' names, when it runs and does not know them as they are.</summary>
    public Task LearnNamesAsync() => AloneAsync(() => TryGiveNamesAsync(running.Token));

    /// <summary>Its own addresses too: a host of an older safed has none of IPv6.</summary>
    private async Task TryGiveNamesAsync(CancellationToken stop)
    {
        var wantedNames = names();
        if (machine is not { } told || Definition.SignedUnix == 0 || Definition.IsProxy || Definition.Names == wantedNames.Mark)
        {
            return;
        }

        try
        {
            var agent = await told.AgentAsync(options.Limits.Agent).WaitAsync(stop).ConfigureAwait(false);
            var said = await agent.RunAsync($"set -e\n{NetworkScript}\n{wantedNames.Script}", IdentityLimit).WaitAsync(stop).ConfigureAwait(false);
            if (said.Exit == 0)
            {
                Define(Definition with { Names = wantedNames.Mark });
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Its agent does not answer, or the volume is full: with the next try. It must hold up nothing else.
        }
    }
}
