using Safes.Client.Connection;
using Safes.Client.Session;
using Safes.Client.Tunnel;
using Safes.Contracts.V1;

namespace Safes.Client.Opening;

/// <summary>An open safe as this device holds it.</summary>
/// <param name="Look">What the inside said at the beginning.</param>
/// <param name="Term">How long it may be held without the password.</param>
public sealed record OpenedSafe(Server Server, DeviceTunnel Tunnel, Opened Opened, LookReply Look, SessionTerm Term) : IDisposable
{
    public void Dispose() => Server.Dispose();
}
