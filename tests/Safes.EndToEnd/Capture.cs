using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>Everything that passes the gateway's three links, recorded for the length of the story.</summary>
internal sealed class Capture : IDisposable
{
    private readonly Child tcpdump;

    private Capture(Child tcpdump, string file) => (this.tcpdump, File) = (tcpdump, file);

    public string File { get; }

    public static Capture Start(Server server, World world)
    {
        string file = Path.Combine(world.Home, "gateway.pcap");
        string network = $"/proc/{server.Pid}/root{world.RunRoot}/ledger/ns/net";
        return new Capture(Child.Start(new ChildStart("tcpdump", ["-Z", "root", "-U", "-s", "0", "-i", "any", "-w", file])
        {
            NetworkNamespace = network,
            LogFile = Path.Combine(world.Home, "tcpdump.log"),
        }), file);
    }

    public async Task StopAsync()
    {
        tcpdump.Signal(SignalNumbers.Terminate);
        if (await tcpdump.WaitAsync(TimeSpan.FromSeconds(10)) is null)
        {
            tcpdump.Kill();
        }
    }

    public void Dispose()
    {
        tcpdump.Kill();
        tcpdump.Dispose();
    }
}
