using System.Net;
using Safes.Hypervisor.Hosts;
using Safes.Network;

namespace Safes.Hypervisor.Tests.Outside;

/// <summary>Hosts, a proxy and a way outside that are only remembered. Each step can be made to fail or to hang.</summary>
internal sealed class FakeProxied : IProxied, IWorld
{
    public event Action<HostStatus>? Changed;

    public List<string> Done { get; } = [];

    /// <summary>Before a step is done: by its name.</summary>
    public Func<string, Task> Before { get; set; } = _ => Task.CompletedTask;

    public IReadOnlyDictionary<string, IPAddress> Addresses { get; set; } = new Dictionary<string, IPAddress> { ["build"] = IPAddress.Parse("10.83.17.10") };

    public WorldPlan? Plan { get; private set; }

    public IPAddress Proxy { get; } = IPAddress.Parse("10.83.17.2");

    public IPAddress Address { get; } = IPAddress.Parse("10.83.21.2");

    public IPAddress Router { get; } = IPAddress.Parse("10.83.21.1");

    public void Change(HostStatus status) => Changed?.Invoke(status);

    public Task KeepProxyAsync(ulong generation, bool changed, bool cut, IProgress<HostStep>? progress = null) => DoAsync($"serve{(cut ? " anew" : changed ? " changed" : "")}");

    public Task CutProxyAsync() => DoAsync("cut");

    public Task EndProxyAsync() => DoAsync("end");

    public Task RemoveProxyAsync() => DoAsync("remove");

    public Task ReopenProxyLogsAsync() => DoAsync("reopen");

    public void ExpectOutside(WayOutside? way)
    {
    }

    public Task TellOutsideAsync(WayOutside? way) => DoAsync($"tell {(way is null ? "none" : string.Join(' ', way.Hosts))}");

    public Task OpenAsync(WorldPlan plan)
    {
        Plan = plan;
        return DoAsync("open");
    }

    public Task CloseAsync() => DoAsync("close");

    private async Task DoAsync(string step)
    {
        await Before(step);
        lock (Done)
        {
            Done.Add(step);
        }
    }
}
