namespace Safes.Hypervisor.Hosts;

// Every host knows every host by name.
public sealed partial class HostFleet
{
    private static readonly TimeSpan NamesLimit = TimeSpan.FromSeconds(5);

    /// <summary>All members' hosts' numbers by their names.</summary>
    public IReadOnlyDictionary<string, int> Numbers => hosts.Values.Where(h => !h.Definition.IsProxy).ToDictionary(h => h.Definition.Name, h => h.Definition.Number);

    private HostNames Names() =>
        new(Options.Zone, hosts.Values.Select(h => h.Definition).Where(d => !d.IsProxy).Select(d => new NamedHost(d.Name, Options.Ports.Address(d.Number), Options.Ports.Address6(d.Number))));

    /// <summary>Tells the hosts that run, all at once, and waits a moment for it. One that does not answer learns it when it next settles.</summary>
    private async Task TellNamesAsync()
    {
        try
        {
            await AllAsync(hosts.Values.Where(h => h.Machine is not null), h => h.LearnNamesAsync()).WaitAsync(NamesLimit, closing.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // What was asked for is done; a host that hangs, or a safe that closes, must not make it a failure.
        }
    }
}
