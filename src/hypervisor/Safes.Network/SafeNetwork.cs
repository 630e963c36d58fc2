using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Safes.Network;

/// <summary>
/// One safe's network on this server: a namespace with two bridges (uplink, inside) and the control link, and the rules between them.
/// All of it is state of the kernel: a restarted safed finds it by making it again.
/// </summary>
public sealed class SafeNetwork : IDisposable
{
    /// <summary>Makes what is missing of the network and replaces the rules; hosts that run keep their ports as they were.</summary>
    /// <exception cref="NetworkException">The port is taken, or the kernel lacks something.</exception>
    public static Task<SafeNetwork> CreateAsync(NetworkPlan plan) => throw new NotImplementedException();

    public SafeAddresses Addresses => throw new NotImplementedException();

    /// <summary>The port of the host with this number (10 to 254), whether it is open or not.</summary>
    public HostPort Port(int number) => throw new NotImplementedException();

    /// <summary>Makes the host's tap on the inside bridge, cut. It vanishes with the last descriptor of it, so with its QEMU.</summary>
    public Task<SafeFileHandle> OpenHostPortAsync(HostPort port) => throw new NotImplementedException();

    /// <summary>Lets hosts' ports through, all in one step.</summary>
    public Task LetThroughAsync(params IReadOnlyCollection<HostPort> ports) => throw new NotImplementedException();

    /// <summary>Cuts hosts' ports, all in one step. Packets are dropped, never refused.</summary>
    public Task CutAsync(params IReadOnlyCollection<HostPort> ports) => throw new NotImplementedException();

    /// <summary>Cuts every host's port.</summary>
    public Task CutAllAsync() => throw new NotImplementedException();

    /// <summary>Forgets hosts' ports, for hosts that are removed.</summary>
    public Task ForgetAsync(params IReadOnlyCollection<HostPort> ports) => throw new NotImplementedException();

    /// <summary>The devices whose packets may pass from the gateway to hosts; complete, replaces. The gateway has its own such list.</summary>
    public Task AllowDevicesAsync(IReadOnlyCollection<IPAddress> devices) => throw new NotImplementedException();

    /// <summary>Opens the gateway's three taps. They exist as long as the network does.</summary>
    /// <exception cref="NetworkException">A running gateway holds them.</exception>
    public GatewayPorts OpenGatewayPorts() => throw new NotImplementedException();

    /// <summary>A listening socket at safed's end of the control link, which only the gateway reaches.</summary>
    public Socket ListenControl() => throw new NotImplementedException();

    /// <summary>Takes the whole network away: rules, links, namespace.</summary>
    public Task RemoveAsync() => throw new NotImplementedException();

    /// <summary>Gives up this process's claim on the public port; the network stays.</summary>
    public void Dispose() => throw new NotImplementedException();
}
