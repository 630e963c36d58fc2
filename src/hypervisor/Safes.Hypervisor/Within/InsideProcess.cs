using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Safes.Contracts.Link;
using Safes.Hypervisor.Api;
using Safes.Keys;
using Safes.Linux;

namespace Safes.Hypervisor.Within;

/// <summary>
/// `safed inside`: the process in which the inside of one opening lives. It is started by safed with a socket to it as descriptor 3, can be warmed
/// with nothing in it, and ends when safed does, or says so by its descriptor. Nothing of it is used twice.
/// </summary>
public static class InsideProcess
{
    public const string Word = "inside";

    private const int LinkDescriptor = 3;

    /// <summary>Runs until safed has gone. Returns the exit status.</summary>
    public static async Task<int> RunAsync()
    {
        using var log = new InsideLog();
        using var link = new ResidentLink(new Socket(new SafeSocketHandle(LinkDescriptor, ownsHandle: true)));
        await using var safe = new InsideSafe(link, log);
        var connections = new GivenConnections();
        WebApplication? server = null;
        using var orders = new Orders(link, safe, log, PrepareAsync, connections.Give);
        link.Ordered = orders.Take;
        link.Begin("safed");
        _ = new InsideUpkeep(safe, log).RunAsync();
        await link.Ended.ConfigureAwait(false);
        // Nobody orders anything any more: what it knows goes with it, at once.
        using var self = PidFd.Open(Environment.ProcessId);
        self!.Kill();
        return 0;

        async Task<byte[]> PrepareAsync(Standing standing)
        {
            using var key = TlsIdentity.NewKey();
            var certificate = TlsIdentity.Certificate(key, "safes-inside");
            server = Servers.Inside((k, options) => k.Listen(connections.EndPoint, options), safe, certificate, log, standing.Verbose, connections);
            await server.StartAsync().ConfigureAwait(false);
            return TlsIdentity.Pin(certificate);
        }
    }
}
