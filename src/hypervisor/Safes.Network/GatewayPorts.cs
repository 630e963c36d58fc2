using Microsoft.Win32.SafeHandles;

namespace Safes.Network;

/// <summary>The gateway's three taps, in the order of its interfaces eth0, eth1, eth2. Close them once QEMU has its copies.</summary>
public sealed record GatewayPorts(SafeFileHandle Uplink, SafeFileHandle Control, SafeFileHandle Inside) : IDisposable
{
    public const string UplinkMac = "52:54:00:53:00:01", ControlMac = "52:54:00:53:00:02", InsideMac = "52:54:00:53:00:03";

    public void Dispose()
    {
        Uplink.Dispose();
        Control.Dispose();
        Inside.Dispose();
    }
}
