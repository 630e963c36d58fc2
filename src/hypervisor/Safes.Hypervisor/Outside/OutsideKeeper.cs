using System.Globalization;
using System.Threading.Channels;
using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Network;
using Safes.Rules;
using Safes.Rules.Outside;

namespace Safes.Hypervisor.Outside;

/// <summary>
/// Keeps the way outside as the owners' rules say, while the safe is open: the proxy's configuration, the proxy host, the packet rules, what
/// hosts are told. One change at a time, the newest rules always; what fails is tried again. There is a proxy host only while a rule holds.
/// </summary>
public sealed class OutsideKeeper : IAsyncDisposable
{
    // However the clock is set meanwhile, a rule does not outlive its end by more; and logs are looked at so often.
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(20), Again = TimeSpan.FromSeconds(5);

    // So often a proxy that has to end what goes through it is asked to; then it is ended itself.
    private const int MostFailed = 3;

    private readonly OutsideOptions options;
    private readonly ProxyFiles files;
    private readonly Channel<bool> asked = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource closing = new();
    private readonly SemaphoreSlim one = new(1);
    private volatile Func<IReadOnlyList<StandingRule>> standing = () => [];
    private OutsideRules? serving;
    private bool unserved, ended, unopened;
    private int failed;
    private string told = "", opened = "";
    private Task running = Task.CompletedTask;

    public OutsideKeeper(OutsideOptions options)
    {
        this.options = options;
        files = new ProxyFiles(options.Root, options.Safe, options.World);
        options.Hosts.Changed += OnHost;
    }

    /// <summary>Hosts are being told of the way outside.</summary>
    internal Task Telling { get; private set; } = Task.CompletedTask;

    /// <summary>Why there is no way outside although rules say so; null: nothing is amiss.</summary>
    public string? Problem { get; private set; }

    /// <summary>
    /// Before hosts are resumed: the proxy, which is resumed with them, finds the configuration that holds now, and nobody gets past it by packets.
    /// </summary>
    /// <param name="rules">The rules that stand, whenever it is asked.</param>
    /// <param name="adopted">A proxy that runs from before safed was restarted: nobody knows by which rules, so it begins anew by these.</param>
    public async Task PrepareAsync(Func<IReadOnlyList<StandingRule>> rules, bool adopted)
    {
        standing = rules;
        try
        {
            var now = RulesNow();
            if (now.Permits.Count == 0)
            {
                await CloseAsync().ConfigureAwait(false);
                return;
            }

            options.Hosts.ExpectOutside(WayOf(now, files.Prepare()));
            unserved |= files.Write(now, options.Resolvers(), options.Own());
            await OpenAsync(now).ConfigureAwait(false);
            (unserved, serving) = adopted ? (true, null) : (false, now);
        }
        catch (Exception e) when (e is IOException or FaultException)
        {
            Say(e);
        }
    }

    /// <summary>Once hosts run: keeps it so until it is disposed.</summary>
    public void Begin() => running = Task.Run(async () =>
    {
        while (!closing.IsCancellationRequested)
        {
            var pause = await KeepAsync().ConfigureAwait(false) ? Round : Again;
            using var either = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
            either.CancelAfter(serving?.NextEnd is { } end && end - options.Now() is var left && left < pause ? (left > TimeSpan.Zero ? left : TimeSpan.Zero) + TimeSpan.FromMilliseconds(1) : pause);
            try
            {
                await asked.Reader.ReadAsync(either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // Time for another look, or the end.
            }
        }
    });

    /// <summary>Something may have changed: rules, hosts.</summary>
    public void Ask() => asked.Writer.TryWrite(true);

    /// <summary>Takes the rules as they are now; false: not everything could be done, and it is to be tried again.</summary>
    public async Task<bool> KeepAsync()
    {
        await one.WaitAsync().ConfigureAwait(false);
        try
        {
            closing.Token.ThrowIfCancellationRequested();
            var now = RulesNow();
            await (now.Permits.Count == 0 ? EndAsync() : ServeAsync(now)).ConfigureAwait(false);
            Problem = null;
            return true;
        }
        catch (Exception e) when (!closing.IsCancellationRequested)
        {
            Say(e);
            return false;
        }
        catch (Exception)
        {
            return false;       // it closes: what it was about has no meaning any more
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>Puts the rules as they are now in force.</summary>
    /// <param name="heard">Also that hosts have heard of it: those that a rule lets out have to know where the proxy is.</param>
    /// <returns>Why that is not done by <paramref name="limit"/>, whereupon it is tried on; null: it is.</returns>
    public async Task<string?> EnforceAsync(TimeSpan limit, bool heard)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
        var over = Task.Delay(limit, either.Token);
        var keeping = KeepAsync();
        bool kept = await Task.WhenAny(keeping, over).ConfigureAwait(false) == keeping && await keeping.ConfigureAwait(false);
        var telling = Telling;
        bool told = kept && (!heard || await Task.WhenAny(telling, over).ConfigureAwait(false) == telling);
        await either.CancelAsync().ConfigureAwait(false);
        return told ? null : kept ? "not every host has heard of it" : Problem ?? "the proxy has not answered yet";
    }

    /// <summary>What becomes of a request by the rules as they are now.</summary>
    public OutsideRules RulesNow() => OutsideRules.Of(standing(), options.Hosts.Addresses, options.Now());

    /// <summary>The end of the log of requests: untrusted bytes.</summary>
    public byte[] ReadLog(int most) => files.ReadLog(most);

    /// <summary>From here on nothing is changed any more.</summary>
    public void Shut() => _ = closing.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        options.Hosts.Changed -= OnHost;
        await closing.CancelAsync().ConfigureAwait(false);
        await Task.WhenAny(running, Task.Delay(Again)).ConfigureAwait(false);
    }

    private async Task ServeAsync(OutsideRules now)
    {
        if (options.Resolvers() is not { Count: > 0 } resolvers)
        {
            throw new FaultException(FaultCodes.NoResolver);
        }

        string authority = files.Prepare();
        // Until it was served, whatever goes wrong meanwhile: the files alone do not tell.
        unserved |= files.Write(now, resolvers, options.Own()) || serving is null;
        bool cut = serving is null || serving.Permits.Any(p => now.Permits.All(n => n.Rule != p.Rule)) ||
            serving.Hosts.Any(h => !now.Hosts.TryGetValue(h.Key, out var address) || !address.Equals(h.Value));
        ended = false;
        // What no longer holds is cut: packets first, then what goes through Squid, which is let through again once it serves by the rules.
        if (cut)
        {
            await options.Hosts.CutProxyAsync().ConfigureAwait(false);
        }

        await OpenAsync(now).ConfigureAwait(false);
        await ServeAsync(cut).ConfigureAwait(false);
        (unserved, serving) = (false, now);
        Tell(WayOf(now, authority));
        unopened |= files.Rotate();
        if (unopened)
        {
            await options.Hosts.ReopenProxyLogsAsync().ConfigureAwait(false);
            unopened = false;
        }
    }

    // One that does not answer stays cut, and is not asked for ever.
    private async Task ServeAsync(bool cut)
    {
        if (failed >= MostFailed)
        {
            await options.Hosts.EndProxyAsync().ConfigureAwait(false);
            failed = 0;
        }

        failed++;
        await options.Hosts.KeepProxyAsync(options.Generation(), unserved || cut, cut, options.Progress).ConfigureAwait(false);
        failed = 0;
    }

    private async Task EndAsync()
    {
        if (!ended)
        {
            await CloseAsync().ConfigureAwait(false);
            Tell(null);
            ended = true;
        }
    }

    private async Task OpenAsync(OutsideRules rules)
    {
        var plan = PlanOf(rules);
        string text = string.Join(' ', plan.Asking.Select(a => $"{a}").Concat(plan.Ports.Select(p => $"{p}")).Concat(plan.Resolvers.Select(r => $"{r}")).Concat(plan.Unreachable));
        if (text != opened)
        {
            await options.World.OpenAsync(plan).ConfigureAwait(false);
            opened = text;
        }
    }

    private async Task CloseAsync()
    {
        await options.World.CloseAsync().ConfigureAwait(false);
        (opened, serving) = ("", null);
        await options.Hosts.RemoveProxyAsync().ConfigureAwait(false);
    }

    // Nobody waits for it: a host that does not listen keeps no rule from ending. Whoever does not hear it now hears it once it settles.
    private void Tell(WayOutside? way)
    {
        string text = way is null ? "none" : $"{way.Proxy} {way.Authority} {string.Join(' ', way.Hosts.Order(StringComparer.Ordinal))}";
        if (text != told)
        {
            Telling = options.Hosts.TellOutsideAsync(way);
            told = text;
        }
    }

    private WayOutside WayOf(OutsideRules rules, string authority) =>
        new(rules.Hosts.Keys.Where(rules.Concerns).ToHashSet(StringComparer.Ordinal), options.World.Proxy, authority);

    private WorldPlan PlanOf(OutsideRules rules) => new(
        [.. rules.Hosts.Where(h => rules.Concerns(h.Key)).Select(h => h.Value)], [.. rules.Permits.SelectMany(p => p.Ports).Distinct().Order()], [.. options.Resolvers()],
        [.. Unreachable.V4, .. options.Own().Select(a => $"{a}/32")]);

    private void OnHost(HostStatus status)
    {
        if (status.Name != HostDefinition.ProxyName || status.State is HostState.Stopped or HostState.Failed)
        {
            Ask();
        }
    }

    private void Say(Exception e)
    {
        string said = e is FaultException f ? HostFaults.Note(f) : e.Message;
        if (Problem != said)
        {
            options.Trouble(e, string.Create(CultureInfo.InvariantCulture, $"the way outside is not as the rules say: {said}"));
        }

        Problem = said;
    }
}
