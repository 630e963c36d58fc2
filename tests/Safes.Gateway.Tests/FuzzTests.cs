using Google.Protobuf;
using Safes.Contracts.V1;
using Safes.Fuzzing;
using Safes.Gateway.Port;
using Safes.Gateway.Settings;

namespace Safes.Gateway.Tests;

/// <summary>Damaged frames and configurations, up to where a tool would be called.</summary>
[Trait("fuzzes", "parsers")]
public class FuzzTests
{
    [Fact]
    public void Damaged_frames_are_frames_or_a_length_beyond_the_limit()
    {
        byte[] ping = Frames.Encode(new ToGateway { Id = 9, Ping = new GatewayPing() }), allow = Frames.Encode(new ToGateway { Id = 4, Allow = new AllowedDevices { Addresses = { "10.83.0.2" } } });
        Fuzz.Parser([[.. ping, .. allow], Frames.Encode(new ToGateway { Id = 5, Configure = Example.Configuration() })], bytes =>
        {
            var reader = new FrameReader();
            var rest = bytes.AsSpan();
            while (!rest.IsEmpty)
            {
                var room = reader.Room.Span;
                int n = Math.Min(room.Length, rest.Length);
                rest[..n].CopyTo(room);
                reader.Received(n);
                rest = rest[n..];
                try
                {
                    while (reader.TryTake(out var message))
                    {
                        ToGateway.Parser.ParseFrom(message.Span);
                    }
                }
                catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException)
                {
                }
            }
        });
    }

    [Fact]
    public void A_damaged_configuration_is_checked_and_what_passes_is_safe_in_a_rule_and_on_a_command_line() => Fuzz.Parser([Example.Configuration().ToByteArray()], bytes =>
    {
        GatewayConfiguration configuration;
        try
        {
            configuration = GatewayConfiguration.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return;
        }

        var settings = GatewaySettings.Check(configuration, out var errors);
        Assert.Equal(errors.Count == 0, settings is not null);
        if (settings is not null)
        {
            string[] said = [settings.Tunnel.ToString(), settings.Uplink.ToString(), settings.Control.ToString(), settings.Inside.ToString(), .. settings.Peers.Select(p => p.Address.ToString())];
            Assert.All(said, t => Assert.Matches("^[0-9./]+$", t));
            Assert.All(settings.Peers, p => Assert.Matches("^[A-Za-z0-9+/]{43}=$", p.PublicKey));
        }
    });
}
