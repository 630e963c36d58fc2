using Safes.Hypervisor.Ways;
using Safes.Network;

namespace Safes.Hypervisor.Tests.Ways;

/// <summary>A network that is not there, and remembers what it was told.</summary>
internal sealed class NoWays : IWays
{
    public List<WaysPlan> Applied { get; } = [];

    public Task ApplyAsync(WaysPlan plan)
    {
        Applied.Add(plan);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyDictionary<int, Refusals>> CountAsync(IEnumerable<int> numbers) =>
        Task.FromResult<IReadOnlyDictionary<int, Refusals>>(numbers.ToDictionary(n => n, _ => Refusals.None));
}
