using System.Net;
using Safes.Contracts.V1;
using Safes.Network;

namespace Safes.Hypervisor.Gateway;

/// <summary>
/// The running gateway. It is started or adopted, given its configuration, watched by pings, and started again with the same
/// addresses, peers and rules when it dies or falls silent. It outlives safed.
/// </summary>
public sealed class GatewayGuest : IAsyncDisposable
{
    /// <summary>Adopts the gateway that runs, or starts one; returns once it is configured.</summary>
    public static Task<GatewayGuest> StartAsync(GatewayGuestOptions options, SafeNetwork network, GatewayConfiguration configuration, CancellationToken stop) =>
        throw new NotImplementedException();

    /// <summary>The newest answer to a ping: the peers' handshakes and what is allowed. Null until the first.</summary>
    public GatewayPong? Seen => throw new NotImplementedException();

    /// <summary>True while the gateway answers and is configured.</summary>
    public bool IsUp => throw new NotImplementedException();

    /// <summary>How often it had to be started again.</summary>
    public int Restarts => throw new NotImplementedException();

    /// <summary>The process id of its QEMU, 0 while there is none.</summary>
    public int Pid => throw new NotImplementedException();

    /// <summary>Raised on each change of <see cref="IsUp"/>.</summary>
    public event Action<bool>? Changed;

    /// <summary>Replaces the peers (complete), as the roster has them. Kept for restarts.</summary>
    public Task ConfigureAsync(GatewayConfiguration configuration) => throw new NotImplementedException();

    /// <summary>
    /// The devices with a session: complete, replaces. Tells the hypervisor's own bridge first, so that it holds when the gateway does not
    /// answer; kept for restarts. Completes when the gateway has it, or is known to be down.
    /// </summary>
    public Task AllowAsync(IReadOnlyCollection<IPAddress> devices) => throw new NotImplementedException();

    /// <summary>Ends the gateway for good.</summary>
    public Task StopAsync() => throw new NotImplementedException();

    /// <summary>Stops watching; the gateway runs on.</summary>
    public ValueTask DisposeAsync()
    {
        Changed?.Invoke(false);
        throw new NotImplementedException();
    }
}
