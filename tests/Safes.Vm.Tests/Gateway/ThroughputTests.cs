using Safes.Network.Tests;

namespace Safes.Vm.Tests.Gateway;

/// <summary>
/// What the gateway's rules cost: the same gateway with its rules and without any, in turns, so that both see the same server. Explicit:
/// it measures, and a busy machine measures nonsense.
/// </summary>
[Trait("needs", "guest")]
public sealed class ThroughputTests
{
    private const int Turns = 7, Bytes = 4 << 20;

    [Fact(Explicit = true)]
    public async Task Rules_cost_at_most_a_tenth_of_what_bare_wireguard_carries()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var ruled = await GatewayScene.MakeAsync();
        await using var bare = await GatewayScene.MakeAsync(hostile: true);
        var speeds = new Dictionary<GatewayScene, List<(double Up, double Down)>> { [ruled] = [], [bare] = [] };
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
                seen.Add(await Throughput.MeasureAsync(scene.Anna.Pin, scene.Addresses.Host(11), 22, Bytes, stop));
            }
        }

        servers.ForEach(s => s.Dispose());
        double Median(GatewayScene scene, Func<(double Up, double Down), double> of) => speeds[scene].Select(of).Order().ElementAt(Turns / 2);
        double up = Median(ruled, s => s.Up), bareUp = Median(bare, s => s.Up), down = Median(ruled, s => s.Down), bareDown = Median(bare, s => s.Down);
        string told = $"Mbit/s with rules / bare: up {up:0} / {bareUp:0} = {up / bareUp:0.00}, down {down:0} / {bareDown:0} = {down / bareDown:0.00}";
        TestContext.Current.TestOutputHelper?.WriteLine(told);
        Assert.True(up / bareUp >= 0.9 && down / bareDown >= 0.9, told);
    }
}
