using System.Net;
using System.Net.Sockets;
using Safes.Client.Tests.Fake;
using Safes.Linux;
using Safes.Roster;

namespace Safes.Cli.Tests;

/// <summary>The real program in a network namespace where the tunnel's addresses are there already, enrolled at a server that is a fake one.</summary>
internal sealed class OpenedSafe : IAsyncDisposable
{
    public const string Password = "correct horse battery";

    private readonly string network;

    private OpenedSafe(string network, SafeProgram safe, FakeServer server) => (this.network, Safe, Server) = (network, safe, server);

    public SafeProgram Safe { get; }

    public FakeServer Server { get; }

    public static async Task<OpenedSafe> EnrolAsync(string network)
    {
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(Unistd.EffectiveUser == 0, "needs root for a network namespace");
        }

        await Tool.RunAsync("ip", ["netns", "add", network]);
        string pin = $"/run/netns/{network}";
        await Tool.RunAsync("ip", ["-batch", "-"], "link set lo up\naddress add 10.77.16.1/32 dev lo\naddress add 10.77.16.2/32 dev lo\n", pin);
        var safe = new SafeProgram { Network = pin };
        var server = await FakeServer.StartAsync(listen: () => Sched.InNetwork(pin, () =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse("10.77.16.1"), 7788));
            socket.Listen();
            return socket;
        }));
        var made = new OpenedSafe(network, safe, server);
        await made.DoAsync(["id", "--name", "anna", "--device", "laptop", "--out", safe.At("anna.safeid")]);
        var id = IdFile.Parse(await File.ReadAllTextAsync(safe.At("anna.safeid")));
        server.Safe.FirstOwner = id;
        await File.WriteAllTextAsync(safe.At("ledger.safeaddress"), server.Safe.AddressFor(id.Identity.Device, 0).Write());
        await made.DoAsync(["join", safe.At("ledger.safeaddress"), "--yes"], Password);
        return made;
    }

    /// <summary>What must work; its output.</summary>
    public async Task<string> DoAsync(string[] arguments, string? password = null)
    {
        var done = await Safe.RunAsync(arguments, password);
        Assert.True(done.Exit == 0, $"safe {string.Join(' ', arguments)}: {done.Output}{done.Error}");
        return done.Output;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Safe.Dispose();
        await Tool.RunAsync("ip", ["netns", "delete", network]);
    }
}
