using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Safes.Hypervisor.Api;

/// <summary>How many connections each device has: one that wants too many takes none from others.</summary>
public sealed class DeviceConnections(int most)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, int> counts = new(StringComparer.Ordinal);

    /// <summary>Serves a connection on which the handshake is done, unless its device has as many as it may.</summary>
    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        string device = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate ? Convert.ToHexStringLower(CallGuard.PinOf(certificate)) : "";
        if (!Enter(device))
        {
            connection.Abort();
            return;
        }

        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            Leave(device);
        }
    }

    internal bool Enter(string device)
    {
        lock (gate)
        {
            int now = counts.GetValueOrDefault(device);
            counts[device] = now < most ? now + 1 : now;
            return now < most;
        }
    }

    internal void Leave(string device)
    {
        lock (gate)
        {
            if (--counts[device] == 0)
            {
                counts.Remove(device);
            }
        }
    }
}
