using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Network;

/// <summary>
/// Looks after a safe's network whenever the kernel says that rules, links, addresses or forwarding of the server's have changed, at most
/// once in <see cref="Pause"/>, and without being told once in <see cref="Round"/>.
/// </summary>
public sealed class NetworkWatch : IAsyncDisposable
{
    /// <summary>Between two looks, however much changes.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(1.5);

    /// <summary>Between two looks when nothing is heard: not everything that can be changed is told.</summary>
    public static readonly TimeSpan Round = TimeSpan.FromSeconds(15);

    private readonly SafeNetwork network;
    private readonly Action<NetworkCondition> seen;
    private readonly SafeFileHandle rules;
    private readonly SafeFileHandle links;
    private readonly AnonymousPipeServerStream ending = new(PipeDirection.In, HandleInheritability.None);
    private Task looking = Task.CompletedTask;

    private NetworkWatch(SafeNetwork network, Action<NetworkCondition> seen, SafeFileHandle rules, SafeFileHandle links) =>
        (this.network, this.seen, this.rules, this.links) = (network, seen, rules, links);

    /// <summary>Begins with a look.</summary>
    /// <param name="seen">Called after each look.</param>
    public static NetworkWatch Start(SafeNetwork network, string? serverPin, Action<NetworkCondition> seen)
    {
        var (rules, links) = Ip.In(serverPin, () => (Netlink.HearRules(), Netlink.HearLinks()));
        var watch = new NetworkWatch(network, seen, rules, links);
        watch.looking = Background.Run(watch.Look, "network");
        return watch;
    }

    /// <summary>Ends it, after the look that is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        ending.DisposeLocalCopyOfClientHandle();
        await looking.ConfigureAwait(false);
        await ending.DisposeAsync().ConfigureAwait(false);
        rules.Dispose();
        links.Dispose();
    }

    private void Look()
    {
        bool ended = false;
        while (!ended)
        {
            // Drained before the look: what changes during it is looked at again.
            Netlink.Drain(rules);
            Netlink.Drain(links);
            var found = network.LookAfterAsync().GetAwaiter().GetResult();
            seen(found);
            ended = Poll.Wait([ending.SafePipeHandle], Pause)[0]
                || (found.Failure is null && Poll.Wait([ending.SafePipeHandle, rules, links], Round)[0]);
        }
    }
}
