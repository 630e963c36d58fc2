using Grpc.Core;
using Safes.Client.Connection;
using Safes.Contracts.V1;

namespace Safes.Safed.Tests;

/// <summary>Calls to the inside as gRPC makes them, through a device's own connection.</summary>
internal sealed class RawInside(Server server)
{
    public async Task MakeAsync(Func<Inside.InsideClient, CallOptions, Task> call)
    {
        // A first call of the client's own makes the connection; its refusals would be told in its own way.
        Inside.InsideClient? calls = null;
        CallOptions options = default;
        await server.Inside.CallAsync(
            (c, o) =>
            {
                (calls, options) = (c, o);
                return c.LookAsync(new LookRequest(), o);
            },
            RealSafe.Patience, CancellationToken.None);
        await call(calls!, options.WithDeadline(DateTime.UtcNow + RealSafe.Patience));
    }
}
