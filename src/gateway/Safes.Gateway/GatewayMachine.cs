using System.Net;
using Google.Protobuf;
using Safes.Contracts.V1;
using Safes.Gateway.Port;
using Safes.Gateway.Relay;
using Safes.Gateway.Rules;
using Safes.Gateway.Settings;
using Safes.Linux;

namespace Safes.Gateway;

/// <summary>Does what safed says, one message after the other, and answers each. Nothing that comes by the port ends it.</summary>
internal sealed class GatewayMachine
{
    private const string Version = "1";

    private Admission admitted = Admission.None;
    private GatewaySettings? settings;
    private ControlRelay? relay;

    public static void DenyEverything() => Programs.Nft(NftRules.DenyEverything);

    /// <summary>Serves the port for ever.</summary>
    public void Serve(IGatewayPort port)
    {
        Send(port, new FromGateway { Ready = Ready() });
        var reader = new FrameReader();
        while (true)
        {
            int n = port.Read(reader.Room.Span);
            if (n == 0)
            {
                reader.Reset();
                continue;
            }

            reader.Received(n);
            foreach (var answer in Answers(reader))
            {
                Send(port, answer);
            }
        }
    }

    private IEnumerable<FromGateway> Answers(FrameReader reader)
    {
        while (true)
        {
            FromGateway answer;
            try
            {
                if (!reader.TryTake(out var bytes))
                {
                    yield break;
                }

                answer = Answer(ToGateway.Parser.ParseFrom(bytes.Span));
            }
            catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException)
            {
                answer = new FromGateway { Fault = new GatewayFault { What = e.Message } };
            }

            yield return answer;
        }
    }

    private FromGateway Answer(ToGateway message)
    {
        var answer = new FromGateway { Id = message.Id };
        try
        {
            switch (message.WhatCase)
            {
                case ToGateway.WhatOneofCase.Configure:
                    Configure(message.Configure);
                    answer.Ready = Ready();
                    break;
                case ToGateway.WhatOneofCase.Allow:
                    Allow(message.Allow);
                    answer.Pong = Pong(withPeers: false);
                    break;
                case ToGateway.WhatOneofCase.Ping:
                    answer.Pong = Pong(withPeers: true);
                    break;
                default:
                    answer.Fault = new GatewayFault { What = "not a message this gateway knows" };
                    break;
            }
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            answer.Fault = new GatewayFault { What = e.Message };
        }

        return answer;
    }

    private void Configure(GatewayConfiguration configuration)
    {
        var wanted = GatewaySettings.Check(configuration, out var errors) ?? throw new ArgumentException(string.Join("; ", errors));
        SetClock(wanted.Now);
        // A device that was removed has no session either, before its peer goes.
        admitted = admitted.Among(wanted.Peers);
        if (settings is null)
        {
            Programs.Ip("link", "set", "lo", "up");
            World.Separate(wanted);
            Programs.Ip("link", "set", NftRules.Tunnel, "mtu", $"{WireGuardConfiguration.Mtu}");
        }
        else if (settings with { Peers = wanted.Peers, Now = wanted.Now } != wanted)
        {
            throw new ArgumentException("addresses, ports and keys of a running gateway do not change");
        }

        Programs.Nft(NftRules.Configured(wanted, admitted));
        Programs.Run("wg", ["syncconf", NftRules.Tunnel, "/proc/self/fd/0"], WireGuardConfiguration.Of(wanted));
        if (settings is null)
        {
            World.Open(wanted);
            Programs.Bring(NftRules.Control, wanted.Control);
            Programs.Bring(NftRules.Inside, wanted.Inside);
            Programs.Bring(NftRules.Tunnel, wanted.Tunnel);
            File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
            relay = ControlRelay.Start(new IPEndPoint(wanted.Tunnel.Address, wanted.ControlPort), wanted.ControlTarget);
        }

        settings = wanted;
    }

    // Handshakes carry the time, and a peer refuses one that is older than the last: so the clock is right before WireGuard starts,
    // and never goes back while it runs.
    private void SetClock(DateTimeOffset? now)
    {
        if (now is { } time && (settings is null || time > DateTimeOffset.UtcNow + TimeSpan.FromSeconds(1)))
        {
            Time.SetWallClock(time);
        }
    }

    private void Allow(AllowedDevices message)
    {
        (admitted, bool whole) = Admission.Of(message, settings ?? throw new ArgumentException("not configured yet"));
        Programs.Nft(NftRules.Admit(admitted));
        if (!whole)
        {
            throw new ArgumentException("an address that is no device's, or a service that is no host's, was left out");
        }
    }

    private GatewayReady Ready() => new() { Version = Version, Configured = settings is not null };

    private GatewayPong Pong(bool withPeers)
    {
        var pong = new GatewayPong { UptimeSeconds = (ulong)BootClock.Now.TotalSeconds, FreeKib = (ulong)(Machine.MemoryAvailable ?? 0) >> 10, Allowed = (uint)admitted.Devices.Count };
        if (withPeers && settings is not null)
        {
            pong.Peers.AddRange(PeerStates.Parse(Programs.Run("wg", ["show", NftRules.Tunnel, "dump"])));
        }

        return pong;
    }

    private static void Send(IGatewayPort port, FromGateway message) => port.Write(Frames.Encode(message));
}
