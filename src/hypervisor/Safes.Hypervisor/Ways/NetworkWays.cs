using Safes.Hypervisor.Gateway;
using Safes.Network;

namespace Safes.Hypervisor.Ways;

/// <summary>The bridge of a real network, and the gateway before it.</summary>
public sealed class NetworkWays(SafeNetwork network, GatewayGuest gateway) : IWays
{
    public async Task ApplyAsync(WaysPlan plan)
    {
        await network.GroupAsync([.. plan.Groups.Select(g => g.Select(network.Port).ToArray())]).ConfigureAwait(false);
        await gateway.OpenWaysAsync(plan.In).ConfigureAwait(false);
    }

    public Task<IReadOnlyDictionary<int, Refusals>> CountAsync(IEnumerable<int> numbers) => network.CountAsync(numbers);
}
