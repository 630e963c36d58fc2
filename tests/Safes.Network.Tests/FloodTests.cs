using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>A flood on the public port takes a bounded piece of the server's memory, whoever sends it and whether or not the gateway reads.</summary>
[Trait("needs", "root")]
public partial class FloodTests
{
    private const int Senders = 4000;

    [Fact]
    public async Task Strangers_by_the_thousand_leave_few_traces_in_the_servers_table_of_connections()
    {
        await using var server = await TestServer.WithNetworkAsync();
        await server.GatewayAsync();
        var begin = BootClock.Now;
        Flood(server, 10_000);
        int left = Traces(server);
        double bound = PublicRules.StrangersAtOnce + PublicRules.StrangersASecond * ((BootClock.Now - begin).TotalSeconds + 1);
        Assert.True(left > 0 && left <= bound, $"{left} traces, at most {bound:0}");
        Assert.True(left < Senders, $"{left} traces: the machine is too slow for this to say anything");
        await TestServer.NftAsync(server.Server, "flush chain inet safes_83_16 forward\n");
        Flood(server, 20_000);
        Assert.True(Traces(server) >= Senders, "without the rule all of them do");
    }

    [Fact]
    public async Task Frames_that_a_stopped_gateway_does_not_read_wait_in_a_queue_with_an_end()
    {
        await using var server = await TestServer.WithNetworkAsync();
        using var unread = server.Network.OpenGatewayPorts();
        using var sender = RawLink.Open(server.Plan.NamespacePin, "uplink");     // from the bridge's side, past all rules
        await TestServer.NftAsync(server.Plan.NamespacePin, "delete table bridge safe\n");
        for (int i = 0; i < SafeLinks.QueuedFrames * 3; i++)
        {
            sender.Send(Frame.Udp("flood", "52:54:00:00:00:01", GatewayPorts.UplinkMac, server.Addresses.UplinkRouter, server.Addresses.UplinkGateway, TestServer.Port));
        }

        string link = await Tool.RunAsync("ip", ["-s", "link", "show", "dev", "gw-uplink"], network: server.Plan.NamespacePin);
        Assert.Contains($"qlen {SafeLinks.QueuedFrames}", link, StringComparison.Ordinal);
        long[] sent = [.. Number().Matches(link.Split("TX:")[1].Split('\n')[1]).Select(m => long.Parse(m.Value))];
        Assert.True(sent[3] >= SafeLinks.QueuedFrames, $"dropped {sent[3]}");     // bytes, packets, errors, dropped
    }

    private static void Flood(TestServer server, int firstPort)
    {
        var to = new IPEndPoint(IPAddress.Parse(TestServer.ServerAddress), TestServer.Port);
        Sched.InNetwork(server.Device, () =>
        {
            for (int port = firstPort; port < firstPort + Senders; port++)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                socket.Bind(new IPEndPoint(IPAddress.Any, port));
                socket.SendTo(new byte[148], to);
            }

            return true;
        });
    }

    private static int Traces(TestServer server) => Sched.InNetwork(server.Server, () => int.Parse(File.ReadAllText("/proc/sys/net/netfilter/nf_conntrack_count").Trim()));

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}
