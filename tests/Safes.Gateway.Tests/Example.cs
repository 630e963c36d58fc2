using Google.Protobuf;
using Safes.Contracts.V1;

namespace Safes.Gateway.Tests;

internal static class Example
{
    public static GatewayConfiguration Configuration() => new()
    {
        PrivateKey = Key(1),
        ListenPort = 51820,
        TunnelAddress = "10.83.0.1/24",
        UplinkAddress = "10.83.3.2/30",
        UplinkRouter = "10.83.3.1",
        ControlAddress = "10.83.2.2/30",
        ControlTarget = "10.83.2.1:7788",
        InsideAddress = "10.83.1.1/24",
        ControlPort = 7788,
        UnixMilliseconds = 1_800_000_000_000,
        Peers =
        {
            new GatewayPeer { PublicKey = Key(2), Address = "10.83.0.2" },
            new GatewayPeer { PublicKey = Key(3), Address = "10.83.0.3" },
        },
    };

    public static ByteString Key(byte fill) => ByteString.CopyFrom(Enumerable.Repeat(fill, 32).ToArray());
}
