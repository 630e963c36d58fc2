using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// What a host's guest is told through its agent: who it is, what time it is, who its members are.
internal sealed partial class VirtualHost
{
    /// <summary>Sees in the background to what its guest must know, and lets it through if it was not.</summary>
    public void Settle(IReadOnlyList<MemberAccount> accounts)
    {
        if (machine is not null)
        {
            wanted = accounts;
            InBackground(token => SettleAsync(clock: false, token));
        }
    }

    /// <summary>Agent, clock, who it is, accounts, signed key; then its port is let through.</summary>
    private async Task IntroduceAsync(IReadOnlyList<MemberAccount> accounts, bool clone, TimeSpan agentLimit, Steps steps, CancellationToken stop)
    {
        wanted = accounts;
        using var step = steps.Begin("identity");
        if (Definition.IsProxy)
        {
            await IntroduceProxyAsync(clone, agentLimit, stop).ConfigureAwait(false);
            return;
        }

        var agent = await machine!.AgentAsync(agentLimit).WaitAsync(stop).ConfigureAwait(false);
        bool clock = await SetClockAsync(agentLimit).WaitAsync(stop).ConfigureAwait(false);
        var known = names();
        var said = await agent.RunAsync(
            GuestScripts.Identity(Definition, NetworkScript, options.Zone, known.Script, options.Authority.UserAuthority, GuestScripts.Accounts(accounts), clone),
            IdentityLimit).WaitAsync(stop).ConfigureAwait(false);
        if (said.Exit != 0)
        {
            throw HostFaults.Failed(Definition.Name, $"it could not be told who it is: {said.Error}");
        }

        stop.ThrowIfCancellationRequested();
        await SignAsync(agent, said.Output, first: true).ConfigureAwait(false);
        Define(Definition with { SignedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), Accounts = HostDefinition.AccountsMark(accounts), Names = known.Mark });
        await AdmitAsync(clock, await ReserveAsync().ConfigureAwait(false), stop).ConfigureAwait(false);
        InBackground(async token =>
        {
            await agent.RunAsync(GuestScripts.Keep, IdentityLimit).WaitAsync(token).ConfigureAwait(false);
            await TryTellOutsideAsync(token).ConfigureAwait(false);
            if (!clock)
            {
                await SettleAsync(clock: false, token).ConfigureAwait(false);
            }
        });
    }

    /// <summary>Lets its port through, if it knows what time it is; else it is cut off until it does.</summary>
    private async Task AdmitAsync(bool clock, bool room, CancellationToken stop)
    {
        if (!clock)
        {
            Become(HostState.Degraded, "clock not set: cut off until it is");
            return;
        }

        stop.ThrowIfCancellationRequested();
        await options.Ports.LetThroughAsync(Definition.Number, closing).ConfigureAwait(false);    // its own, no linked one: that is cancelled a moment later
        admitted = true;
        Become(room);
    }

    private async Task SignAsync(GuestAgent agent, string publicKey, bool first)
    {
        string certificate = await options.Authority.SignHostAsync(publicKey, Definition.Name, options.Zone).ConfigureAwait(false);
        var said = await agent.RunAsync(GuestScripts.Certificate(certificate, first), IdentityLimit).ConfigureAwait(false);
        if (said.Exit != 0)
        {
            throw HostFaults.Failed(Definition.Name, $"its sshd does not take its signed key: {said.Error}");
        }
    }

    private async Task<bool> SetClockAsync(TimeSpan limit)
    {
        try
        {
            var end = BootClock.Now + limit;
            var agent = await machine!.AgentAsync(limit).ConfigureAwait(false);
            var left = end - BootClock.Now;
            return left > TimeSpan.Zero && await agent.SetClockAsync(left).ConfigureAwait(false) <= ClockTolerance;
        }
        catch (Exception e) when (e is HungException or QmpException { Kind: not QmpException.Gone })
        {
            return false;
        }
    }

    /// <summary>What need not be waited for when a safe opens. Tried until it is done or the machine has gone, whatever goes wrong: a host that
    /// nobody tries again stays cut off. Between two tries others have their turn.</summary>
    private async Task SettleAsync(bool clock, CancellationToken stop)
    {
        var pause = ClockPause;
        for (bool settled = false; !settled;)
        {
            await gate.WaitAsync(stop).ConfigureAwait(false);
            try
            {
                settled = machine is null || (clock = await KnowsTheTimeAsync(clock, stop).ConfigureAwait(false)) && await HasSettledAsync(stop).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // Its agent has gone, the volume is full, or it has just ended: State says what matters, the next try what has become of it.
            }
            finally
            {
                gate.Release();
            }

            if (!settled)
            {
                await Task.Delay(pause, stop).ConfigureAwait(false);
                pause = pause < SettlePause ? pause * 1.5 : SettlePause;
            }
        }
    }

    /// <summary>Lets it through once it knows who it is and what time it is.</summary>
    private async Task<bool> KnowsTheTimeAsync(bool already, CancellationToken stop)
    {
        if (Definition.SignedUnix == 0)
        {
            // Whoever made it ended before it knew who it is.
            Become(HostState.Degraded, "not told yet who it is");
            await IntroduceAsync(wanted, clone: true, options.Limits.Agent, new Steps(Definition.Name, null), stop).ConfigureAwait(false);
        }

        bool clock = already || await SetClockAsync(options.Limits.Agent).WaitAsync(stop).ConfigureAwait(false);
        if (!already)
        {
            if (Definition.IsProxy && clock)
            {
                await ServeAsync(cut: true, stop).ConfigureAwait(false);     // whoever resumed it may have ended before it did
            }

            await AdmitAsync(clock, clock && await ReserveAsync().ConfigureAwait(false), stop).ConfigureAwait(false);
        }

        await TryGiveAccountsAsync(stop).ConfigureAwait(false);
        await TryGiveNamesAsync(stop).ConfigureAwait(false);
        await TryTellOutsideAsync(stop).ConfigureAwait(false);
        return clock;
    }

    private async Task<bool> HasSettledAsync(CancellationToken stop)
    {
        await machine!.Qmp.CallAsync("announce-self", AnnounceOnce()).ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
        Define(Definition);
        await RenewIfOldAsync().ConfigureAwait(false);
        return HasAccounts && HasNames && KnowsOutside;
    }

    private void InBackground(Func<CancellationToken, Task> work)
    {
        var token = running.Token;
        housekeeping = Task.Run(async () =>
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(token, closing);
            try
            {
                await work(either.Token).ConfigureAwait(false);
            }
            catch (Exception)
            {
                // The host's own trouble, or its end; what matters of it is in State and Note.
            }
        });
    }

    private static System.Text.Json.Nodes.JsonObject AnnounceOnce() => new() { ["initial"] = 50, ["max"] = 100, ["rounds"] = 2, ["step"] = 50 };

    private async Task RenewIfOldAsync()
    {
        if (Definition.IsProxy || DateTimeOffset.UtcNow.ToUnixTimeSeconds() - Definition.SignedUnix < SignedFor.TotalSeconds)
        {
            return;
        }

        var agent = await machine!.AgentAsync(options.Limits.Agent).ConfigureAwait(false);
        var key = await agent.RunAsync("cat /etc/ssh/ssh_host_ed25519_key.pub", options.Limits.Agent).ConfigureAwait(false);
        await SignAsync(agent, key.Output, first: false).ConfigureAwait(false);
        Define(Definition with { SignedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds() });
    }

    private bool HasAccounts => Definition.IsProxy || Definition.Accounts == HostDefinition.AccountsMark(wanted);

    /// <summary>The clock is no condition for it: whoever was removed is to be gone from a host whose clock is wrong, too.</summary>
    private async Task TryGiveAccountsAsync(CancellationToken stop)
    {
        try
        {
            if (!HasAccounts)
            {
                await GiveAccountsAsync(wanted, stop).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Its agent does not answer, or the volume is full: with the next try. It must hold up nothing else.
        }
    }

    private async Task GiveAccountsAsync(IReadOnlyList<MemberAccount> accounts, CancellationToken stop = default)
    {
        var agent = await machine!.AgentAsync(options.Limits.Agent).WaitAsync(stop).ConfigureAwait(false);
        var said = await agent.RunAsync(GuestScripts.Accounts(accounts), IdentityLimit).WaitAsync(stop).ConfigureAwait(false);
        if (said.Exit == 0)
        {
            Define(Definition with { Accounts = HostDefinition.AccountsMark(accounts) });
        }
        else
        {
            Become(HostState.Degraded, "accounts not set");
        }
    }
}
