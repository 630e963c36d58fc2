using System.Net;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts.Link;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Link;
using Safes.Hypervisor.Ways;
using Safes.Network;

namespace Safes.Hypervisor.Within;

/// <summary>The ports of hosts, of which the inside knows the addresses alone: safed makes them, lets them through and cuts them, by number.</summary>
public sealed class RemotePorts(ResidentLink link, SafeAddresses addresses, UlaPrefix ula) : IHostPorts
{
    public string Mac(int number) => Port(number).Mac;

    public IPAddress Address(int number) => Port(number).Address;

    public IPAddress Address6(int number) => Port(number).Address6;

    public IPAddress Gateway => addresses.InsideGateway;

    public async Task<SafeFileHandle> OpenAsync(int number) =>
        (await link.AskAsync(new ToResident { OpenPort = Host(number) }, CancellationToken.None).ConfigureAwait(false)).Descriptors[0];

    public Task LetThroughAsync(int number, CancellationToken closing)
    {
        closing.ThrowIfCancellationRequested();
        return link.DoAsync(new ToResident { LetThrough = Host(number) }, closing);
    }

    public Task CutAsync(params IReadOnlyCollection<int> numbers) => link.DoAsync(new ToResident { Cut = All(numbers) });

    public Task ForgetAsync(int number) => link.DoAsync(new ToResident { ForgetPort = Host(number) });

    internal static HostNumbers All(IEnumerable<int> numbers) => new() { Hosts = { numbers.Select(n => (uint)n) } };

    private static HostNumber Host(int number) => new() { Host = (uint)number };

    private HostPort Port(int number) => new(number, addresses.Host(number), ula.Host(number));
}

/// <summary>The proxy host's way outside, made by safed.</summary>
public sealed class RemoteWorld(ResidentLink link, SafeAddresses addresses) : IWorld
{
    public IPAddress Proxy => addresses.Proxy;

    public IPAddress Address => addresses.WorldProxy;

    public IPAddress Router => addresses.WorldRouter;

    public Task OpenAsync(WorldPlan plan) => link.DoAsync(new ToResident
    {
        OpenWorld = new World
        {
            Asking = { plan.Asking.Select(Numbers.Four) },
            Ports = { plan.Ports.Select(p => (uint)p) },
            Resolvers = { plan.Resolvers.Select(Numbers.Of) },
            Unreachable = { plan.Unreachable.Select(Numbers.Network) },
        },
    });

    public Task CloseAsync() => link.DoAsync(new ToResident { CloseWorld = new Nothing() });
}

/// <summary>Bridge and gateway, which safed has the owners' rules put in force at.</summary>
public sealed class RemoteWays(ResidentLink link) : IWays
{
    public Task ApplyAsync(WaysPlan plan) => link.DoAsync(new ToResident
    {
        ApplyWays = new WaysOrder
        {
            Shell = plan.In.Shell,
            Exposed = { plan.In.Services.Select(s => new Exposed { Host = s.Host.GetAddressBytes()[^1], Port = (uint)s.Port }) },
            Groups = { plan.Groups.Select(RemotePorts.All) },
        },
    });

    public async Task<IReadOnlyDictionary<int, Refusals>> CountAsync(IEnumerable<int> numbers)
    {
        using var answer = await link.AskAsync(new ToResident { CountWays = RemotePorts.All(numbers) }, CancellationToken.None).ConfigureAwait(false);
        return answer.Message.Answer.Refused.ToDictionary(r => (int)r.Host, r => new Refusals(r.Spoofed, r.Refused_));
    }
}
