using Safes.Network;
using Safes.Network.Tests;
using Safes.Vm.Tests.Gateway;

namespace Safes.Bench;

/// <summary>TCP from a device through tunnel, gateway and bridge to a host, with the rules of a safe and, in turn, through the same gateway without any.</summary>
internal static class GatewayPath
{
    private const int Bytes = 8 << 20, Rules = 1000;

    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        // Without rules nobody corrects a device's packet size, so both have the gateway's.
        await using var ruled = await GatewayScene.MakeAsync(deviceMtu: 1216);
        await using var bare = await GatewayScene.MakeAsync(hostile: true, deviceMtu: 1216);
        GatewayScene[] scenes = [ruled, bare];
        var servers = new List<BulkServer>();
        var (many, few) = (new List<double>(), new List<double>());
        var (up, down, cost) = (new List<double>[] { [], [] }, new List<double>[] { [], [] }, new List<double>[] { [], [] });
        try
        {
            foreach (var scene in scenes)
            {
                await scene.Guest.AllowAsync([scene.Anna.Address]);
                servers.Add(new BulkServer(TestServer.Listen(await scene.Server.HostAsync(11), 22)));
                await Throughput.MeasureAsync(scene.Anna.Pin, scene.Addresses.Host(11), 22, Bytes / 4, default);
            }

            for (int i = 0; i < runs; i++)
            {
                // Each is first in turn: who is second finds another machine.
                foreach (int s in i % 2 == 0 ? new[] { 0, 1 } : [1, 0])
                {
                    double before = ProcessorSeconds(scenes[s].Guest.Pid);
                    var speed = await Throughput.MeasureAsync(scenes[s].Anna.Pin, scenes[s].Addresses.Host(11), 22, Bytes, default);
                    up[s].Add(speed.Up);
                    down[s].Add(speed.Down);
                    cost[s].Add(2 * Bytes * 8 / 1e6 / (ProcessorSeconds(scenes[s].Guest.Pid) - before));
                }
            }

            // As many rules as owners could make, none of which is for this flow, and in turn none.
            for (int i = 0; i < 2 * runs; i++)
            {
                await RuleAsync(ruled, i % 2 == 0 ? Rules : 0);
                var speed = await Throughput.MeasureAsync(ruled.Anna.Pin, ruled.Addresses.Host(11), 22, Bytes, default);
                (i % 2 == 0 ? many : few).Add((speed.Up + speed.Down) / 2);
            }
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
        }

        const string Bare = "the same gateway with bare WireGuard and no rules";
        return
        [
            Measurement.AtLeast("path up", "TCP from a device through tunnel, gateway and bridge to a host", "Mbit/s", up[0], Bare, up[1], 0.9),
            Measurement.AtLeast("path down", "TCP from a host to a device", "Mbit/s", down[0], Bare, down[1], 0.9),
            Measurement.AtLeast("path rules", $"TCP both ways with {Rules} rules of owners: open ports, and hosts in groups", "Mbit/s", many, "the same without any", few, 0.95),
            Measurement.AtLeast("path work", "bytes both ways for a second of the gateway's processor time", "Mbit", cost[0], Bare, cost[1], 0.9),
        ];
    }

    private static async Task RuleAsync(GatewayScene scene, int rules)
    {
        var hosts = Enumerable.Range(20, 200).ToArray();
        var services = Enumerable.Range(0, rules).Select(i => new ServicePort(scene.Addresses.Host(hosts[i % hosts.Length]), 3000 + i));
        await scene.Guest.OpenWaysAsync(new WaysIn(true, [.. services]));
        await scene.Server.Network.GroupAsync(rules == 0 ? [] : [.. hosts.Chunk(2).Select(g => g.Select(scene.Server.Network.Port).ToArray())]);
    }

    // Of a process, in user and kernel mode; in /proc/PID/stat these are the 14th and 15th, in hundredths.
    private static double ProcessorSeconds(int pid)
    {
        string[] fields = File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1].Split(' ');
        return (long.Parse(fields[11], null) + long.Parse(fields[12], null)) / 100.0;
    }
}
