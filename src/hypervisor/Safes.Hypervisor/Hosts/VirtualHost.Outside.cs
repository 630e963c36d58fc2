namespace Safes.Hypervisor.Hosts;

// The way outside: of the proxy host itself, and what the others are told of it.
internal sealed partial class VirtualHost
{
    private static readonly TimeSpan ServeLimit = TimeSpan.FromSeconds(60);

    private volatile WayOutside? outside;
    private volatile bool admitted;
    private int telling;

    /// <summary>Proxy only: it serves by the files as they are now.</summary>
    /// <param name="cut">What goes through it ends: it is cut off, and let through again once it serves, if it was.</param>
    public Task ServeAsync(bool cut) => AloneAsync(async () =>
    {
        if (machine is not null)
        {
            if (cut)
            {
                await options.Ports.CutAsync(Definition.Number).ConfigureAwait(false);     // also where it was let through a moment ago
            }

            await ServeAsync(cut, default).ConfigureAwait(false);
            if (cut && admitted)
            {
                await options.Ports.LetThroughAsync(Definition.Number, closing).ConfigureAwait(false);
            }
        }
    });

    /// <summary>Proxy only: its logs were put aside.</summary>
    public Task ReopenLogsAsync() => AloneAsync(async () =>
    {
        if (machine is { } running)
        {
            var agent = await running.AgentAsync(options.Limits.Agent).ConfigureAwait(false);
            await agent.RunAsync(ProxyScripts.Reopen, options.Limits.Agent).ConfigureAwait(false);
        }
    });

    /// <summary>What it is to be told when it next settles.</summary>
    public void Expect(WayOutside? way) => outside = way;

    /// <summary>Tells it what it is expected to know of the way outside when it runs and has not been told; else once it settles.</summary>
    public async Task TellOutsideAsync()
    {
        if (Interlocked.Exchange(ref telling, 1) == 1)
        {
            return;     // somebody waits for its turn already, and will tell the newest
        }

        await AloneAsync(async () =>
        {
            Volatile.Write(ref telling, 0);
            await TryTellOutsideAsync(default).ConfigureAwait(false);
            if (!KnowsOutside && machine is not null)
            {
                InBackground(token => SettleAsync(clock: true, token));
            }
        }).ConfigureAwait(false);
    }

    private bool KnowsOutside => Definition.IsProxy || Definition.Outside == (outside?.MarkFor(Definition.Name) ?? "");

    private async Task TryTellOutsideAsync(CancellationToken stop)
    {
        if (KnowsOutside || machine is null)
        {
            return;
        }

        try
        {
            string mark = outside?.MarkFor(Definition.Name) ?? "";
            var agent = await machine.AgentAsync(options.Limits.Agent).WaitAsync(stop).ConfigureAwait(false);
            var said = await agent.RunAsync(
                mark.Length == 0 ? ProxyScripts.Forget : ProxyScripts.Use(outside!.Proxy, outside.Authority.Trim(), names().Direct), IdentityLimit).WaitAsync(stop).ConfigureAwait(false);
            if (said.Exit == 0)
            {
                Define(Definition with { Outside = mark });
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Its agent does not answer, or the volume is full: with the next try. Without it the host merely finds the proxy later.
        }
    }

    private async Task IntroduceProxyAsync(bool clone, TimeSpan agentLimit, CancellationToken stop)
    {
        var world = options.World ?? throw HostFaults.Failed(Definition.Name, "there is no way outside here");
        var agent = await machine!.AgentAsync(agentLimit).WaitAsync(stop).ConfigureAwait(false);
        bool clock = await SetClockAsync(agentLimit).WaitAsync(stop).ConfigureAwait(false);
        var said = await agent.RunAsync(
            ProxyScripts.Identity(Definition, Hardware.Mac, $"{options.Ports.Address(Definition.Number)}", world, clone), IdentityLimit).WaitAsync(stop).ConfigureAwait(false);
        if (said.Exit != 0)
        {
            throw HostFaults.Failed(Definition.Name, $"it could not be told who it is: {said.Error}");
        }

        stop.ThrowIfCancellationRequested();
        await ServeAsync(cut: true, stop).ConfigureAwait(false);
        Define(Definition with { SignedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds() });
        await AdmitAsync(clock, await ReserveAsync().ConfigureAwait(false), stop).ConfigureAwait(false);
        InBackground(token => SettleAsync(clock, token));
    }

    private async Task ServeAsync(bool cut, CancellationToken stop)
    {
        var agent = await machine!.AgentAsync(options.Limits.Agent).WaitAsync(stop).ConfigureAwait(false);
        var said = await agent.RunAsync(ProxyScripts.Serve(cut), ServeLimit).WaitAsync(stop).ConfigureAwait(false);
        if (said.Exit != 0)
        {
            throw HostFaults.Failed(Definition.Name, $"its Squid does not start: {said.Error}");
        }
    }
}
