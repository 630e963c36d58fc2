using Safes.Client.Connection;
using Safes.Client.Tunnel;
using Safes.Contracts.V1;

namespace Safes.Client.Opening;

/// <summary>An open safe as this device holds it.</summary>
public sealed record OpenedSafe(Server Server, DeviceTunnel Tunnel, Opened Opened) : IDisposable
{
    public void Dispose() => Server.Dispose();
}
