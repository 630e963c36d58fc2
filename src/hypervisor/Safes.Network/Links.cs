namespace Safes.Network;

/// <summary>The interfaces' names in the safe's network namespace.</summary>
internal static class Links
{
    public const string Uplink = "uplink", Inside = "inside", Control = "control", GatewayUplink = "gw-uplink", GatewayInside = "gw-inside",
        UplinkInner = "outer", World = "world";
}
