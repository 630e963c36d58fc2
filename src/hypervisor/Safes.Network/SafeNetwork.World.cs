namespace Safes.Network;

// The proxy host's way outside.
public sealed partial class SafeNetwork
{
    private WorldPlan? outside;
    private string? outsideRules;

    /// <summary>Makes the world link or changes what goes through it. The proxy's own port is made, let through and cut like a host's.</summary>
    public async Task OpenWorldAsync(WorldPlan world)
    {
        await ruling.WaitAsync().ConfigureAwait(false);
        try
        {
            outside = world;
            outsideRules = null;
            outsideRules = await WorldLink.EnsureAsync(plan, world).ConfigureAwait(false);
        }
        finally
        {
            ruling.Release();
        }
    }

    /// <summary>Takes the world link away: there is no way outside.</summary>
    public async Task CloseWorldAsync()
    {
        await ruling.WaitAsync().ConfigureAwait(false);
        try
        {
            outside = null;
            await WorldLink.RemoveAsync(plan).ConfigureAwait(false);
        }
        finally
        {
            ruling.Release();
        }
    }
}
