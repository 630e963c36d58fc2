using System.Net;
using Microsoft.Win32.SafeHandles;

namespace Safes.Hypervisor.Hosts;

/// <summary>The ports of virtual hosts at the safe's inside network, by the host's number (the last byte of its address).</summary>
public interface IHostPorts
{
    string Mac(int number);

    IPAddress Address(int number);

    /// <summary>Its address among hosts.</summary>
    IPAddress Address6(int number);

    /// <summary>The hosts' way to members' devices.</summary>
    IPAddress Gateway { get; }

    /// <summary>Makes the port, cut. It vanishes with the last descriptor of it.</summary>
    Task<SafeFileHandle> OpenAsync(int number);

    /// <summary>From now on packets from and to it pass, unless <paramref name="closing"/> was cancelled by the time this comes to it.</summary>
    /// <exception cref="OperationCanceledException">It was.</exception>
    Task LetThroughAsync(int number, CancellationToken closing);

    /// <summary>From now on packets from and to these are dropped.</summary>
    Task CutAsync(params IReadOnlyCollection<int> numbers);

    /// <summary>For hosts that are removed.</summary>
    Task ForgetAsync(int number);
}
