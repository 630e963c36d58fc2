using Safes.Hypervisor.Ways;
using Safes.Network;

namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Whether this server's own firewall lets pass what is forwarded between devices and a gateway. Forwarding itself safed switches on.</summary>
internal static class Forwarding
{
    public static async Task<Finding> TryAsync(Server server, CancellationToken stop)
    {
        var obstacles = await Obstacle.FindAsync().ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
        return Judge(obstacles);
    }

    internal static Finding Judge(IReadOnlyList<Obstacle> obstacles) => obstacles.Count == 0
        ? Finding.Good("forwarding", "no other firewall drops what goes to a gateway")
        : Finding.Should(
            "forwarding", NetworkWords.What(obstacles), "devices do not reach the gateway through it",
            string.Join("; ", obstacles.Select(o => NetworkWords.Do(o, "safe-+", "world-+")).Distinct()));
}
