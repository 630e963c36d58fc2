using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Safes.Client.Network;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Cli.Commands;

/// <summary>One port of a host for one person, by plain OpenSSH: nobody else on the network or in the team sees it.</summary>
internal static class ForwardCommand
{
    private static readonly TimeSpan LookLimit = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var service = new Argument<string>("HOST:PORT") { Description = "A TCP port of a host", CompletionSources = { Known.Hosts } };
        var port = new Option<string?>("--port") { Description = "This device's port (default: the same)", HelpName = "LOCAL" };
        return new Command("forward", "Bring a port of a host to this device's own address 127.0.0.1, until Ctrl-C.") { service, port }
            .With("safe forward lab:8888", "safe forward lab:80 --port 8080").Does(async run =>
            {
                var wanted = HostPortText.Parse(run.Get(service)!);
                int local = run.Get(port) is { } given ? HostPortText.CheckPort(given) : wanted.Port;
                using var profile = run.OpenProfile();
                using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
                var view = await InsideView.FetchAsync(held.Server, run.Stop).ConfigureAwait(false);
                view.Find(wanted.Host);
                view.RequireShell();
                Claim(local);
                var way = await SshWay.FindAsync(held, wanted.Host, run.Stop).ConfigureAwait(false);
                await LookAsync(way, wanted).ConfigureAwait(false);
                string url = $"http://127.0.0.1:{local}/", said = run.Screen.Json
                    ? new JsonObject { ["safe"] = profile.Name, ["service"] = $"{wanted}", ["port"] = local, ["url"] = url }.ToJsonString()
                    : $"  {url} leads to {wanted}; Ctrl-C ends it";
                // ssh itself says it, once the port is there.
                way.Become(["-N", "-L", $"127.0.0.1:{local}:localhost:{wanted.Port}", "-o", "ExitOnForwardFailure=yes", "-o", "PermitLocalCommand=yes",
                    "-o", $"LocalCommand=printf '%%s\\n' '{said}'"]);
            });
    }

    /// <exception cref="FaultException">local-port.</exception>
    private static void Claim(int port)
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        }
        catch (SocketException e)
        {
            throw new FaultException(FaultCodes.LocalPort, ("port", $"{port}"), ("why", e.SocketErrorCode is SocketError.AddressAlreadyInUse ? "something listens there" : e.Message));
        }
    }

    /// <summary>Looks from inside whether something listens: plain ssh would only say so in the middle of a connection.</summary>
    private static async Task LookAsync(SshWay way, HostPortText wanted)
    {
        string[] arguments = [.. way.Options, "-o", "BatchMode=yes", way.Target, $"exec bash -c 'exec 3<>/dev/tcp/localhost/{wanted.Port}' 2>&1"];
        var looked = await Tool.TryAsync("ssh", arguments, limit: LookLimit).ConfigureAwait(false);
        if (looked.Exit is not 0)
        {
            throw looked.Exit == 255 ? new FaultException(FaultCodes.HostFailed, ("host", wanted.Host), ("why", $"SSH does not get there: {Printable.Line(looked.Error.Trim())}"))
                : new FaultException(FaultCodes.NothingListens, ("service", $"{wanted}"));
        }
    }
}
