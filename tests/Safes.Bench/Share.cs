using System.Globalization;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Qemu;
using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>Files in a host's /safe, against the same directory served by a virtiofsd that was started with nothing but its own defaults, to a guest of the same kind.</summary>
internal static class Share
{
    private const int Mebibytes = 256;

    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var fleet = await Fleet.OpenAsync(8L << 30);
        await fleet.Hosts.AddAsync(new HostRequest("desk"));
        await fleet.Hosts.AddAsync(new HostRequest("hand"));
        await fleet.Hosts.StopAsync("hand");
        using var hand = (await RawHost.OfAsync(fleet, "hand", (tools, places, listener) =>
            new ChildStart(tools.Virtiofsd[0], [.. tools.Virtiofsd.Skip(1), "--shared-dir", places.Share, "--fd", "3"]) { Descriptors = [listener] }))();
        await hand.BootAsync();
        try
        {
            using var agent = GuestAgent.Connect(hand.Places.AgentSocket);
            await agent.SynchroniseAsync(TimeSpan.FromMinutes(2));
            await ByAgentAsync(agent, "systemctl is-system-running --wait >/dev/null; mountpoint -q /safe || mount -t virtiofs -o nodev,nosuid safe /safe");
            List<double> write = [], read = [], handWrite = [], handRead = [];
            for (int i = 0; i < runs; i++)
            {
                await PassAsync(s => fleet.RunAsync("desk", $"sudo sh -c '{s}'"), Path.Combine(hand.Places.Share, "of-desk"), write, read);
                await PassAsync(s => ByAgentAsync(agent, s), Path.Combine(hand.Places.Share, "of-hand"), handWrite, handRead);
            }

            const string Hand = "virtiofsd with its own defaults, on the same directory of the same volume";
            return
            [
                Measurement.AtLeast("share write", $"{Mebibytes} MiB written to a host's /safe and synchronised", "MB/s", write, Hand, handWrite, 0.95),
                Measurement.AtLeast("share read", $"{Mebibytes} MiB read from a host's /safe, with neither guest nor server knowing them", "MB/s", read, Hand, handRead, 0.95),
            ];
        }
        finally
        {
            await hand.EndAsync();
        }
    }

    // One file written and, with caches of both sides empty of it, read back.
    private static async Task PassAsync(Func<string, Task<string>> inGuest, string file, List<double> write, List<double> read)
    {
        string seen = $"/safe/{Path.GetFileName(file)}";
        write.Add(await RateAsync(inGuest, $"dd if=/dev/zero of={seen} bs=1M count={Mebibytes} conv=fsync"));
        await inGuest("sync; echo 3 >/proc/sys/vm/drop_caches");
        await Tool.RunAsync("dd", [$"if={file}", "iflag=nocache", "count=0", "status=none"]);
        read.Add(await RateAsync(inGuest, $"dd if={seen} of=/dev/null bs=1M"));
        await inGuest($"rm {seen}; sync");
    }

    private static async Task<double> RateAsync(Func<string, Task<string>> inGuest, string command)
    {
        string took = await inGuest($"begin=$(date +%s%N); {command} status=none; echo $(($(date +%s%N) - begin))");
        return Mebibytes * 1048576.0 / long.Parse(took, CultureInfo.InvariantCulture) * 1000;
    }

    private static async Task<string> ByAgentAsync(GuestAgent agent, string script)
    {
        var said = await agent.RunAsync(script, TimeSpan.FromMinutes(2));
        return said.Exit == 0 ? said.Output.Trim() : throw new InvalidOperationException($"{script}: {said.Error}");
    }
}
