using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Network;

/// <summary>
/// One safe's network on this server: a namespace with two bridges (uplink, inside) and the control link, and the rules between them.
/// All of it is state of the kernel: a restarted safed finds it by making it again.
/// </summary>
public sealed partial class SafeNetwork : IDisposable
{
    private readonly NetworkPlan plan;
    private readonly PublicPort publicPort;
    private readonly SemaphoreSlim ruling = new(1, 1);

    private SafeNetwork(NetworkPlan plan, PublicPort publicPort) => (this.plan, this.publicPort) = (plan, publicPort);

    /// <summary>Makes what is missing of the network and replaces the rules; hosts that run keep their ports as they were.</summary>
    /// <exception cref="NetworkException">The port is taken, or the kernel lacks something.</exception>
    public static async Task<SafeNetwork> CreateAsync(NetworkPlan plan)
    {
        if (await FindOverlapAsync(plan.Addresses, plan.ServerNamespacePin).ConfigureAwait(false) is { } overlap)
        {
            throw new NetworkException(NetworkFailure.AddressesTaken, overlap);
        }

        var port = PublicPort.Claim(plan);
        bool made = false;
        try
        {
            made = await NetworkNamespace.EnsureAsync(plan.NamespacePin).ConfigureAwait(false);
            await SafeLinks.EnsureAsync(plan).ConfigureAwait(false);
            await port.ConnectAsync().ConfigureAwait(false);
            return new SafeNetwork(plan, port);
        }
        catch
        {
            port.Dispose();
            if (made)
            {
                await RemoveAsync(plan).ConfigureAwait(false);
            }

            throw;
        }
    }

    /// <summary>What of the server's own links has addresses of a prefix, other than a safe of that prefix; null: nothing.</summary>
    /// <param name="serverPin">As in <see cref="NetworkPlan.ServerNamespacePin"/>.</param>
    public static async Task<string?> FindOverlapAsync(SafeAddresses addresses, string? serverPin = null)
    {
        var prefix = IPNetwork.Parse(addresses.Prefix);
        // "3: safe-83-16    inet 10.83.19.1/30 ..", and "10.83.17.0/24 via 192.0.2.9 dev eth0 ..".
        string links = await Tool.RunAsync("ip", ["-o", "-4", "addr", "show"], network: serverPin).ConfigureAwait(false);
        string routes = await Tool.RunAsync("ip", ["-o", "-4", "route", "show"], network: serverPin).ConfigureAwait(false);
        var found = links.Split('\n').Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(f => f.Length > 3).Select(f => (Link: f[1], Network: f[3]))
            .Concat(routes.Split('\n').Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(f => f.Length > 2 && f[0] != "default")
                .Select(f => (Link: f.SkipWhile(w => w != "dev").ElementAtOrDefault(1) ?? "", Network: f[0])));
        return found.Where(f => f.Link != PublicPort.LinkOf(addresses) && f.Link != WorldLink.LinkOf(addresses) && IPAddress.TryParse(f.Network.Split('/')[0], out var address) && prefix.Contains(address)).Select(f => $"{f.Network} on {f.Link} lies in {prefix}").FirstOrDefault();
    }

    /// <summary>Takes a safe's whole network away: rules, links, namespace. Nothing happens where there is none.</summary>
    public static async Task RemoveAsync(NetworkPlan plan)
    {
        await WorldLink.RemoveAsync(plan).ConfigureAwait(false);
        await PublicPort.CloseAsync(plan).ConfigureAwait(false);
        if (NetworkNamespace.Exists(plan.NamespacePin))
        {
            // A process that still holds a port would keep the namespace: its links go now.
            await SafeLinks.RemoveAsync(plan).ConfigureAwait(false);
        }

        await NetworkNamespace.RemoveAsync(plan.NamespacePin).ConfigureAwait(false);
    }

    public SafeAddresses Addresses => plan.Addresses;

    /// <summary>The port of the host with this number (10 to 254, or the proxy's), whether it is open or not.</summary>
    public HostPort Port(int number) => new(number, plan.Addresses.Host(number), plan.Ula.Host(number));

    /// <summary>Makes the host's tap on the inside bridge, cut. It vanishes with the last descriptor of it, so with its QEMU.</summary>
    public async Task<SafeFileHandle> OpenHostPortAsync(HostPort port)
    {
        await RuleAsync(SafeRules.Cut([port]) + SafeRules.Know([port])).ConfigureAwait(false);
        var tap = Tun.OpenTap(plan.NamespacePin, port.Interface);
        try
        {
            await Ip.BatchAsync(plan.NamespacePin, $"link set {port.Interface} addrgenmode none master {Links.Inside} up").ConfigureAwait(false);
            return tap;
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    /// <summary>Lets hosts' ports through, all in one step.</summary>
    public Task LetThroughAsync(params IReadOnlyCollection<HostPort> ports) => RuleAsync(SafeRules.LetThrough(ports));

    /// <summary>Lets a host's port through, unless <paramref name="closing"/> was cancelled: looked at when it is its turn, so that whoever
    /// cancels first and then cuts has cut for good.</summary>
    /// <exception cref="OperationCanceledException">It closes; nothing was let through.</exception>
    public Task LetThroughAsync(HostPort port, CancellationToken closing) => RuleAsync(SafeRules.LetThrough([port]), closing);

    /// <summary>Cuts hosts' ports, all in one step. Packets are dropped, never refused.</summary>
    public Task CutAsync(params IReadOnlyCollection<HostPort> ports) => RuleAsync(SafeRules.Cut(ports));

    /// <summary>Cuts every host's port.</summary>
    public Task CutAllAsync() => RuleAsync(SafeRules.CutAll);

    /// <summary>Forgets hosts' ports, for hosts that are removed.</summary>
    public Task ForgetAsync(params IReadOnlyCollection<HostPort> ports) => RuleAsync(SafeRules.Forget(ports));

    /// <summary>The devices whose packets may pass from the gateway to hosts; complete, replaces. The gateway has its own such list.</summary>
    public Task AllowDevicesAsync(IReadOnlyCollection<IPAddress> devices) => RuleAsync(SafeRules.Allow(devices));

    /// <summary>What those devices reach in hosts; complete, replaces. Flows that it does not name any more are cut. The gateway has its own such list.</summary>
    public Task OpenWaysAsync(WaysIn ways) => RuleAsync(SafeRules.Open(ways));

    /// <summary>Cuts groups of hosts apart; complete, replaces. Hosts of one group reach each other and nobody else; those in none reach
    /// all others that are in none.</summary>
    public Task GroupAsync(IReadOnlyList<IReadOnlyCollection<HostPort>> groups) => RuleAsync(SafeRules.Group(groups));

    /// <summary>What each host's port was refused since it was made.</summary>
    public async Task<IReadOnlyDictionary<int, Refusals>> CountAsync(IEnumerable<int> numbers)
    {
        var counts = await Refusals.ReadAsync(plan.NamespacePin).ConfigureAwait(false);
        return numbers.ToDictionary(n => n, n => counts.GetValueOrDefault(Port(n).Interface, Refusals.None));
    }

    /// <summary>Opens the gateway's three taps. They exist as long as the network does.</summary>
    /// <exception cref="NetworkException">A running gateway holds them.</exception>
    public GatewayPorts OpenGatewayPorts()
    {
        var opened = new List<SafeFileHandle>();
        try
        {
            foreach (string link in (string[])[Links.GatewayUplink, Links.Control, Links.GatewayInside])
            {
                opened.Add(Tun.OpenTap(plan.NamespacePin, link));
            }

            return new GatewayPorts(opened[0], opened[1], opened[2]);
        }
        catch (LinuxException e)
        {
            opened.ForEach(h => h.Dispose());
            throw e.Number == Errno.Busy ? new NetworkException(NetworkFailure.GatewayPortHeld, "a running gateway holds its ports", e) : e;
        }
    }

    /// <summary>A listening socket at safed's end of the control link, which only the gateway reaches.</summary>
    public Socket ListenControl() => Sched.InNetwork(plan.NamespacePin, () =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(plan.Addresses.ControlHypervisor, SafeAddresses.ControlPort));
            socket.Listen(512);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    });

    /// <summary>Takes the whole network away: rules, links, namespace.</summary>
    public async Task RemoveAsync()
    {
        Dispose();
        await RemoveAsync(plan).ConfigureAwait(false);
    }

    /// <summary>Gives up this process's claim on the public port; the network stays.</summary>
    public void Dispose() => publicPort.Dispose();

    private async Task RuleAsync(string text, CancellationToken unless = default)
    {
        if (text.Length == 0)
        {
            return;
        }

        await ruling.WaitAsync(unless).ConfigureAwait(false);
        try
        {
            unless.ThrowIfCancellationRequested();
            await Nft.ApplyAsync(plan.NamespacePin, text).ConfigureAwait(false);
        }
        finally
        {
            ruling.Release();
        }
    }
}
