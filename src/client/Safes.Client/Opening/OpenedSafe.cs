using Safes.Client.Connection;
using Safes.Client.Session;
using Safes.Client.Tunnel;
using Safes.Contracts.V1;

namespace Safes.Client.Opening;

/// <summary>An open safe as this device holds it.</summary>
/// <param name="Term">How long it may be held without the password.</param>
public sealed record OpenedSafe(Server Server, DeviceTunnel Tunnel, Opened Opened, SessionTerm Term) : IDisposable
{
    public void Dispose() => Server.Dispose();
}
