using Safes.Network;

namespace Safes.Hypervisor.Ways;

/// <summary>Where the owners' rules about the inside network are in force.</summary>
public interface IWays
{
    /// <summary>Puts a plan in force; complete, replaces. Flows that it does not allow are cut.</summary>
    Task ApplyAsync(WaysPlan plan);

    /// <summary>What each host's port was refused since it was made.</summary>
    Task<IReadOnlyDictionary<int, Refusals>> CountAsync(IEnumerable<int> numbers);
}
