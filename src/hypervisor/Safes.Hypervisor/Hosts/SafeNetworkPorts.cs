using System.Net;
using Microsoft.Win32.SafeHandles;
using Safes.Network;

namespace Safes.Hypervisor.Hosts;

/// <summary>The hosts' ports of a real network.</summary>
public sealed class SafeNetworkPorts(SafeNetwork network) : IHostPorts
{
    public IPAddress Gateway => network.Addresses.InsideGateway;

    public string Mac(int number) => network.Port(number).Mac;

    public IPAddress Address(int number) => network.Port(number).Address;

    public IPAddress Address6(int number) => network.Port(number).Address6;

    public Task<SafeFileHandle> OpenAsync(int number) => network.OpenHostPortAsync(network.Port(number));

    public Task LetThroughAsync(int number, CancellationToken closing) => network.LetThroughAsync(network.Port(number), closing);

    public Task CutAsync(params IReadOnlyCollection<int> numbers) => network.CutAsync([.. numbers.Select(network.Port)]);

    public Task ForgetAsync(int number) => network.ForgetAsync(network.Port(number));
}
