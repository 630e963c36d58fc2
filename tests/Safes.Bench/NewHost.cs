using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>From `host add` to the first SSH login, against booting the same image.</summary>
internal static class NewHost
{
    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var fleet = await Fleet.OpenAsync(6L << 30);
        await fleet.Hosts.AddAsync(new HostRequest("first"));     // copies the prepared image onto the volume, once a safe
        await fleet.Hosts.RemoveAsync("first");
        List<TimeSpan> added = [], booted = [];
        for (int i = 0; i < Math.Min(runs, 5); i++)
        {
            var start = BootClock.Now;
            await fleet.Hosts.AddAsync(new HostRequest("desk"));
            await fleet.RunAsync("desk", "echo in");
            added.Add(BootClock.Now - start);

            await fleet.Hosts.StopAsync("desk");
            start = BootClock.Now;
            await fleet.Hosts.StartAsync("desk", cold: true, 1);
            await fleet.RunAsync("desk", "echo in");
            booted.Add(BootClock.Now - start);
            await fleet.Hosts.RemoveAsync("desk");
        }

        return [Measurement.Against("new-host", "`host add` to the first SSH login", added, "the same image booted, to login", booted, 0.5)];
    }
}
