using Safes.Contracts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// One host: its definition, and its machine while it runs. One operation at a time. Between operations nothing is held on the volume.
/// </summary>
internal sealed partial class VirtualHost(
    HostFleetOptions options, HostDefinition definition, Func<HostNames> names, Action<VirtualHost> changed, CancellationToken closing) : IAsyncDisposable
{
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(1), ClockPause = TimeSpan.FromSeconds(1), SettlePause = TimeSpan.FromSeconds(30), SignedFor = TimeSpan.FromDays(1),
        IdentityLimit = TimeSpan.FromSeconds(120), CutShortLimit = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim gate = new(1);
    private CancellationTokenSource running = new();
    private Task housekeeping = Task.CompletedTask, writingBack = Task.CompletedTask, prefetching = Task.CompletedTask;
    private volatile VirtualMachine? machine;
    private volatile bool expectedToEnd;
    private volatile IReadOnlyList<MemberAccount> wanted = [];

    public HostDefinition Definition { get; private set; } = definition;

    /// <summary>Until it was looked at, or is made, its room counts as it is defined.</summary>
    public HostState State { get; private set; } = HostState.Starting;

    public string Note { get; private set; } = "";

    public VirtualMachine? Machine => machine;

    public HostPlaces Places { get; } = new(
        options.Volume.PathOf($"hosts/{definition.Name}"), options.RunOf(definition.Number), options.Volume.PathOf(definition.IsProxy ? HostFleet.ProxyDirectory : "share"),
        options.Volume.PathOf($"images/{definition.Image}"));

    public HostHardware Hardware =>
        new(Definition.Name, Definition.Cpus, Definition.MemoryBytes, options.Ports.Mac(Definition.Number), options.Users.Host(Definition.Number), Definition.Uuid) { Label = $"host-{Definition.Number}" };

    public HostStatus Status() => new(
        Definition.Name, State, Definition.Cpus, Definition.MemoryBytes, Definition.DiskBytes, options.Ports.Address(Definition.Number),
        machine is null ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Max(0, DateTimeOffset.UtcNow.ToUnixTimeSeconds() - Definition.BootedUnix)),
        Told, Definition.Image, Load)
    {
        SuspendedUnix = Definition.SuspendedUnix,
        Next = Definition.Next,
    };

    /// <summary>What its files say while nothing runs.</summary>
    public void Look()
    {
        bool saved = false;
        try
        {
            if (StateRecord.Find(Places) is { } record)
            {
                saved = true;
                Definition = Definition with { SuspendedUnix = record.SavedUnix };
            }
        }
        catch (StateMismatchException)
        {
            saved = true;       // it will be said when it is used
        }

        Become(saved ? HostState.Suspended : HostState.Stopped, "");
    }

    /// <summary>Takes over the machine that runs from before safed was restarted.</summary>
    public Task AdoptAsync() => AloneAsync(async () =>
    {
        if (await VirtualMachine.AdoptAsync(Start()).ConfigureAwait(false) is { } found)
        {
            Attach(found);
            if (!Definition.Running)
            {
                // Whoever booted it ended before that was written down; else it would stay suspended after the next close.
                Define(Definition with { Running = true, BootedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), SuspendedUnix = 0 });
            }

            Become(await ReserveAsync().ConfigureAwait(false));
        }
        else
        {
            Look();
        }
    });

    /// <summary>Makes the files of a new host from a bundle and lets it run.</summary>
    public Task CreateAsync(Bundle bundle, IReadOnlyList<MemberAccount> accounts, Steps steps, CancellationToken stop) => AloneAsync(async () =>
    {
        Become(HostState.Starting, "");
        using (steps.Begin("create"))
        {
            await HostFiles.CloneAsync(options.Tools, bundle, Hardware, Places, Definition.DiskBytes).ConfigureAwait(false);
        }

        stop.ThrowIfCancellationRequested();
        Failpoint.Reach("host: files made");
        using (steps.Begin("resume"))
        {
            Attach(await VirtualMachine.LoadAsync(Start(), bundle).ConfigureAwait(false));
            Failpoint.Reach("host: loaded");
            // From here on it is a host, and the bundle's state does not fit its memory any more.
            Definition.Write(options.Volume.Below("hosts"));
            Failpoint.Reach("host: defined");
            await machine!.ContinueAsync().ConfigureAwait(false);
            Prefetch(machine);
            Failpoint.Reach("host: running");
        }

        await IntroduceAsync(accounts, clone: true, options.Limits.Agent, steps, stop).ConfigureAwait(false);
        Failpoint.Reach("host: introduced");
        if (Definition.DiskBytes > bundle.Manifest.DiskBytes)
        {
            using (steps.Begin("disk"))
            {
                await machine!.AnnounceDiskAsync(Definition.DiskBytes).ConfigureAwait(false);
                var agent = await machine.AgentAsync(options.Limits.Agent).ConfigureAwait(false);
                await agent.RunAsync(GuestScripts.GrowDisk, IdentityLimit).ConfigureAwait(false);
            }
        }
    });

    /// <summary>Goes on from the saved state.</summary>
    /// <exception cref="OperationCanceledException">Given up: it does not run, or it can be suspended.</exception>
    public Task ResumeAsync(IReadOnlyList<MemberAccount> accounts, Steps steps, CancellationToken stop) => AloneAsync(async () =>
    {
        stop.ThrowIfCancellationRequested();
        wanted = accounts;
        if (machine is null)
        {
            Become(HostState.Starting, "");
            using (steps.Begin("resume"))
            {
                long saved = StateRecord.Find(Places)?.SavedUnix ?? 0;
                // Not given up half way: a load has changed the memory, and only a machine that goes on can be suspended again.
                Attach(await VirtualMachine.LoadAsync(Start()).ConfigureAwait(false));
                Failpoint.Reach("resume: loaded");
                await machine!.ContinueAsync().ConfigureAwait(false);
                Prefetch(machine);
                Failpoint.Reach("resume: running");
                Definition = Definition with { SuspendedUnix = saved };     // written when it has settled: nobody waits for that
            }
        }

        bool clock, room = true;
        var reserving = ReserveAsync();
        try
        {
            using (steps.Begin("clock"))
            {
                clock = await SetClockAsync(options.ClockLimit).WaitAsync(stop).ConfigureAwait(false);
            }
        }
        finally
        {
            room = await reserving.ConfigureAwait(false);    // what suspending needs, so before anything is given up
        }

        if (Definition.SignedUnix == 0)
        {
            await IntroduceAsync(wanted, clone: true, options.Limits.Agent, steps, stop).ConfigureAwait(false);     // making it was cut short
            return;
        }

        if (Definition.IsProxy)
        {
            await ServeAsync(cut: true, stop).ConfigureAwait(false);     // rules may have ended meanwhile: before anything goes through it
        }

        await AdmitAsync(clock, room, stop).ConfigureAwait(false);
        if (clock && !HasAccounts)
        {
            using (steps.Begin("accounts"))
            {
                await GiveAccountsAsync(wanted, stop).ConfigureAwait(false);
            }
        }

        InBackground(token => SettleAsync(clock, token));
    });

    /// <summary>Boots from its disk; a saved state is given up.</summary>
    /// <exception cref="FaultException">HostRunning: somebody else was quicker. Its memory must not be cleared under it.</exception>
    /// <exception cref="OperationCanceledException">Given up: it does not run, or it can be suspended.</exception>
    public Task BootAsync(IReadOnlyList<MemberAccount> accounts, Steps steps, CancellationToken stop) => AloneAsync(async () =>
    {
        stop.ThrowIfCancellationRequested();
        if (machine is not null)
        {
            throw new FaultException(FaultCodes.HostRunning, ("host", Definition.Name));
        }

        Become(HostState.Starting, "");
        if (!await TakeSizesAsync(steps).ConfigureAwait(false))
        {
            await Background.Run(() => HostFiles.ClearRam(Hardware, Places)).ConfigureAwait(false);
        }

        Failpoint.Reach("boot: memory cleared");
        using (steps.Begin("boot"))
        {
            Attach(await VirtualMachine.StartAsync(Start()).ConfigureAwait(false));
            Failpoint.Reach("boot: started");
            Define(Definition with { Running = true, BootedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), SuspendedUnix = 0, RemovedOpen = 0 });
            Failpoint.Reach("boot: defined");
            await ReserveAsync().ConfigureAwait(false);    // what suspending needs, so before anything is given up
            await machine!.AgentAsync(options.Limits.Boot).WaitAsync(stop).ConfigureAwait(false);
        }

        await IntroduceAsync(accounts, clone: false, options.Limits.Agent, steps, stop).ConfigureAwait(false);
    });

    /// <summary>Suspends it, or failing that ends it. Afterwards it has no process, or the exception says which one cannot be ended.</summary>
    /// <param name="removed">How many files it has open on the share whose names are gone: that is said when it goes on.</param>
    public async Task SuspendAsync(ulong generation, TimeSpan limit, int removed)
    {
        await running.CancelAsync().ConfigureAwait(false);     // first: what settles it has the gate
        await AloneAsync(limit, left => SuspendAsync(generation, limit, left, removed)).ConfigureAwait(false);
    }

    private async Task SuspendAsync(ulong generation, TimeSpan limit, TimeSpan left, int removed)
    {
        if (machine is not { } leaving)
        {
            return;
        }

        expectedToEnd = true;
        try
        {
            await running.CancelAsync().ConfigureAwait(false);
            if (leaving.ShareLost)
            {
                // Without its share it could not go on; what it has on its own disk is kept.
                bool itself = await leaving.PowerOffAsync(left < CutShortLimit ? left : CutShortLimit, GuestScripts.CutShort).ConfigureAwait(false);
                throw HostFaults.Failed(Definition.Name, $"virtiofsd had ended; {(itself ? "its disk was written back" : "it did not stop by itself")}");
            }

            await Task.WhenAll(leaving.SuspendAsync(generation), KeepLeftOpenAsync(removed)).WaitAsync(left).ConfigureAwait(false);
            await DetachAsync().ConfigureAwait(false);
            Become(HostState.Suspended, "");
        }
        catch (Exception e)
        {
            await leaving.KillAsync().ConfigureAwait(false);
            await DetachAsync().ConfigureAwait(false);
            var fault = HostFaults.From(e is TimeoutException ? new HungException("QEMU", leaving.Qemu.Pid, "suspend", limit) : e, Definition.Name);
            Become(HostState.Failed, $"its memory was lost when the safe closed: {HostFaults.Note(fault)}");
            throw fault;
        }
    }

    /// <summary>Writes dirty memory to the volume while the guest runs on. Whoever suspends it meanwhile waits for this to let go of the file.</summary>
    public Task WriteBackAsync()
    {
        if (machine is { } written && writingBack.IsCompleted)
        {
            writingBack = written.WriteBackAsync();
        }

        return writingBack;
    }

    public async Task PowerOffAsync(TimeSpan limit)
    {
        await running.CancelAsync().ConfigureAwait(false);
        await AloneAsync(async () =>
        {
            if (machine is { } leaving)
            {
                expectedToEnd = true;
                await running.CancelAsync().ConfigureAwait(false);
                await (leaving.ShareLost ? leaving.PowerOffAsync(CutShortLimit, GuestScripts.CutShort) : leaving.PowerOffAsync(limit)).ConfigureAwait(false);
                await DetachAsync().ConfigureAwait(false);
            }

            Define(Definition with { Running = false });
            Become(HostState.Stopped, "");
        }).ConfigureAwait(false);
    }

    /// <summary>Ends its processes at once, whatever else is under way with it.</summary>
    public async Task KillAsync()
    {
        expectedToEnd = true;
        await running.CancelAsync().ConfigureAwait(false);
        if (machine is { } leaving)
        {
            await leaving.KillAsync().ConfigureAwait(false);
        }

        await VirtualMachine.KillRecordedAsync(Places, options.Limits.Quit, options.Rights(Definition.Number)).ConfigureAwait(false);
        await AloneAsync(options.Limits.Quit, _ => EndAsync()).ConfigureAwait(false);
        Become(HostState.Stopped, "ended");
    }

    /// <summary>Gives it the members' accounts, when it runs and has not got them.</summary>
    public Task ApplyAccountsAsync(IReadOnlyList<MemberAccount> accounts) => AloneAsync(async () =>
    {
        wanted = accounts;
        if (machine is not null && !HasAccounts)
        {
            await GiveAccountsAsync(accounts).ConfigureAwait(false);
        }
    });

    /// <summary>Signs its key anew, when that was over a day ago.</summary>
    public Task RenewCertificateAsync() => AloneAsync(() => machine is null ? Task.CompletedTask : RenewIfOldAsync());

    public void Fail(FaultException fault) => Become(
        fault.Code == FaultCodes.ImageMismatch || fault.Code == FaultCodes.ImageDamaged ? HostState.Suspended : HostState.Failed, HostFaults.Note(fault));

    public async ValueTask DisposeAsync()
    {
        expectedToEnd = true;
        await running.CancelAsync().ConfigureAwait(false);
        await DetachAsync().ConfigureAwait(false);
    }

    private MachineStart Start() => new(options.Tools, Hardware, Places, () => options.Ports.OpenAsync(Definition.Number))
    {
        Limits = options.Limits,
        Rights = options.Rights(Definition.Number),
    };

    private void Define(HostDefinition now)
    {
        now.Write(options.Volume.Below("hosts"));
        Definition = now;
    }

    private void Become(HostState state, string note)
    {
        (State, Note) = (state, note);
        changed(this);
    }

    private void Attach(VirtualMachine started)
    {
        expectedToEnd = admitted = false;
        running = new CancellationTokenSource();
        machine = started;
        Measure(started);
        _ = WatchAsync(started, started.Qmp.NextEvent((name, _) => name == "SHUTDOWN"));
    }

    private async Task DetachAsync()
    {
        await running.CancelAsync().ConfigureAwait(false);
        if (machine is { } leaving)
        {
            machine = null;
            use = null;
            await leaving.DisposeAsync().ConfigureAwait(false);
        }

        // Its connections are closed, so it ends soon; it may have a file of the volume open until then.
        await Task.WhenAny(Task.WhenAll(housekeeping, writingBack, prefetching), Task.Delay(options.Limits.Command)).ConfigureAwait(false);
    }

    private Task AloneAsync(Func<Task> work) => AloneAsync(Timeout.InfiniteTimeSpan, _ =>
    {
        ThrowIfRemoved();
        return work();
    });

    private async Task AloneAsync(TimeSpan limit, Func<TimeSpan, Task> work)
    {
        var begin = BootClock.Now;
        if (!await gate.WaitAsync(limit).ConfigureAwait(false))
        {
            throw new HungException("safed", Environment.ProcessId, $"an earlier operation on {Definition.Name}", limit);
        }

        try
        {
            var left = limit - (BootClock.Now - begin);
            await work(limit == Timeout.InfiniteTimeSpan ? limit : left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false);
        }
        finally
        {
            gate.Release();
        }
    }
}
