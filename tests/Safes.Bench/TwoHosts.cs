using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>A safe with two hosts opened, against one with one: they are resumed at once, where there are cores for it.</summary>
internal static class TwoHosts
{
    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var one = await Fleet.OpenAsync(6L << 30);
        await using var two = await Fleet.OpenAsync(8L << 30);
        await one.Hosts.AddAsync(new HostRequest("desk"));
        await two.Hosts.AddAsync(new HostRequest("desk"));
        await two.Hosts.AddAsync(new HostRequest("build"));
        await CloseAsync(one);
        await CloseAsync(two);
        List<TimeSpan> alone = [], both = [];
        for (int i = 0; i < runs; i++)
        {
            // While one of the safes is measured the other is closed: neither's guests take the other's cores.
            alone.Add(await OpenAsync(one));
            await CloseAsync(one);
            both.Add(await OpenAsync(two));
            await CloseAsync(two);
        }

        await OpenAsync(one);
        await OpenAsync(two);
        // Each has a processor and what serves it another; with fewer cores they are only not to wait for each other.
        double limit = Environment.ProcessorCount >= 4 ? 1.2 : 1.9;
        return [Measurement.Against("two-hosts", "a safe with two hosts of 512 MiB opened", both, "the same with one", alone, limit)];
    }

    private static async Task CloseAsync(Fleet fleet) => Check(await fleet.CloseAsync());

    private static async Task<TimeSpan> OpenAsync(Fleet fleet)
    {
        var start = BootClock.Now;
        Check(await fleet.ReopenAsync());
        return BootClock.Now - start;
    }

    private static void Check(IReadOnlyList<HostOutcome> outcomes) => Assert.All(outcomes, o => Assert.True(o.Done, Fleet.Why(o)));
}
