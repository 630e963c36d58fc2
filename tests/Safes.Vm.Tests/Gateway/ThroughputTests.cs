using Safes.Network.Tests;

namespace Safes.Vm.Tests.Gateway;

/// <summary>
/// What the gateway's rules cost: the same gateway with its rules and without any, in turns, so that both see the same server. The
/// processor's time that each took is compared, which says the same on a busy machine; the speeds are told. Explicit: it measures.
/// </summary>
[Trait("needs", "guest")]
public sealed class ThroughputTests
{
    private const int Turns = 7, Bytes = 4 << 20;

    [Fact(Explicit = true)]
    public async Task Rules_cost_at_most_a_tenth_of_what_bare_wireguard_carries()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(4));
        var stop = limit.Token;
        // Without rules nobody corrects a device's packet size, so both have the gateway's.
        await using var ruled = await GatewayScene.MakeAsync(deviceMtu: 1216);
        await using var bare = await GatewayScene.MakeAsync(hostile: true, deviceMtu: 1216);
        var speeds = new Dictionary<GatewayScene, List<(double Up, double Down, double Seconds)>> { [ruled] = [], [bare] = [] };
        var servers = new List<BulkServer>();
        foreach (var scene in speeds.Keys)
        {
            await scene.Guest.AllowAsync([scene.Anna.Address]);
            servers.Add(new BulkServer(TestServer.Listen(await scene.Server.HostAsync(11), 22)));
            await Throughput.MeasureAsync(scene.Anna.Pin, scene.Addresses.Host(11), 22, Bytes / 4, stop);
        }

        for (int turn = 0; turn < Turns; turn++)
        {
            foreach (var (scene, seen) in speeds)
            {
                double before = ProcessorSeconds(scene.Guest.Pid);
                var (up, down) = await Throughput.MeasureAsync(scene.Anna.Pin, scene.Addresses.Host(11), 22, Bytes, stop);
                seen.Add((up, down, ProcessorSeconds(scene.Guest.Pid) - before));
            }
        }

        servers.ForEach(s => s.Dispose());
        double ratio = Median(bare, s => s.Seconds) / Median(ruled, s => s.Seconds);
        string told = $"with rules / bare: up {Median(ruled, s => s.Up):0} / {Median(bare, s => s.Up):0} Mbit/s, " +
            $"down {Median(ruled, s => s.Down):0} / {Median(bare, s => s.Down):0} Mbit/s; bytes for the same processor time: {ratio:0.00}";
        TestContext.Current.TestOutputHelper?.WriteLine(told);
        Assert.True(ratio >= 0.9, told);

        double Median(GatewayScene scene, Func<(double Up, double Down, double Seconds), double> of) => speeds[scene].Select(of).Order().ElementAt(Turns / 2);
    }

    // Of a process, in user and kernel mode; in /proc/PID/stat these are the 14th and 15th, in hundredths.
    private static double ProcessorSeconds(int pid)
    {
        string[] fields = File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1].Split(' ');
        return (long.Parse(fields[11]) + long.Parse(fields[12])) / 100.0;
    }
}
