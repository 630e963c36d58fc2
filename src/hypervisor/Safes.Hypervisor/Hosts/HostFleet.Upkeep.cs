namespace Safes.Hypervisor.Hosts;

// Whose clock is wrong, how busy each is, and whether there is room to suspend it.
public sealed partial class HostFleet
{
    private static readonly TimeSpan LookLimit = TimeSpan.FromSeconds(20);

    /// <summary>Takes down the load of the hosts that run; to be called at even distances.</summary>
    public void LookAtLoads()
    {
        foreach (var host in hosts.Values)
        {
            host.LookAtLoad();
        }
    }

    /// <summary>Looks at the clocks of the hosts that run. One that does not answer is looked at the next time.</summary>
    public Task LookAtClocksAsync() => LookAsync(h => h.LookAtClockAsync());

    /// <summary>Sees to it that each host that runs can be suspended, however many files it has looked at by now.</summary>
    public Task LookAtRoomAsync() => LookAsync(h => h.LookAtRoomAsync());

    private async Task LookAsync(Func<VirtualHost, Task> look)
    {
        try
        {
            await AllAsync(hosts.Values.Where(h => h.Machine is not null), look).WaitAsync(LookLimit, closing.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // It hangs, or the safe closes: neither is for this to say.
        }
    }
}
