using Safes.Hypervisor.Gateway;
using Safes.Network;

namespace Safes.Hypervisor.Ways;

/// <summary>The bridge of a real network, and the gateway before it.</summary>
public sealed class NetworkWays(SafeNetwork network, GatewayGuest gateway) : IWays
{
    /// <summary>Each of the two is tried, whatever becomes of the other.</summary>
    public Task ApplyAsync(WaysPlan plan) => Task.WhenAll(
        gateway.OpenWaysAsync(plan.In), network.GroupAsync([.. plan.Groups.Select(g => g.Select(network.Port).ToArray())]));

    public Task<IReadOnlyDictionary<int, Refusals>> CountAsync(IEnumerable<int> numbers) => network.CountAsync(numbers);
}
