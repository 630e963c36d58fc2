using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Contracts.Link;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Link;
using Safes.Hypervisor.Outside;
using Safes.Hypervisor.Rules;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Hypervisor.Ways;
using Safes.Linux;
using Safes.Network;
using Safes.Qemu;
using Safes.Roster;
using Safes.Volumes;

namespace Safes.Hypervisor.Within;

/// <summary>
/// The inside of one opening: what there is on the volume and what comes of it. It does what safed orders, by the rights that it has, and has
/// safed do the rest. It is never used twice.
/// </summary>
public sealed partial class InsideSafe(ResidentLink link, InsideLog log) : IOpenSafe, IAsyncDisposable
{
    /// <summary>The uid, in hosts and so in the share, of the member who was admitted first.</summary>
    internal const uint FirstUser = 3001;

    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1), WorkLimit = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim ruling = new(1, 1);
    private readonly Lock gate = new();
    private readonly List<ReadOnlyMemory<byte>> chain = [];
    private Standing standing = new();
    private Tools? tools;
    private RemotePorts? ports;
    private RemoteWorld? world;
    private FscryptVolume? volume;
    private Task<Workspace>? loading;
    private volatile Circumstances circumstances = new();
    private volatile SafeRoster? roster;
    private readonly List<HostStep> soFar = [];
    private ulong generation;
    private bool isOpen;

    public Workspace? Workspace { get; private set; }

    public TransferRoom? Transfers => Workspace?.Transfers;

    public SafeRoster? Roster => roster;

    /// <summary>Those who hold the safe, as safed said last.</summary>
    public PresentSessions Sessions { get; } = new();

    /// <summary>The door of the open volume.</summary>
    public VolumeWork Work { get; } = new();

    public Notices Notices { get; } = new();

    public IWays Ways { get; } = new RemoteWays(link);

    public ReadOnlyMemory<byte> Init => standing.Init.Memory;

    public event Action<HostStep>? Stepped;

    public IReadOnlyList<HostStep> StepsSoFar
    {
        get
        {
            lock (gate)
            {
                return [.. soFar];
            }
        }
    }

    public Circumstances Circumstances
    {
        get => circumstances;
        set
        {
            circumstances = value;
            generation = Math.Max(generation, value.Generation);
        }
    }

    public ulong Generation => generation;

    public Task<RoomFacts> RoomAsync() => Volume.RoomAsync();

    public VolumeDirectory Root => Volume.Root;

    /// <summary>What does not depend on who opens the safe.</summary>
    public void Prepare(Standing given)
    {
        standing = given;
        tools = Tools.Parse(given.Tools) with { QemuVersion = given.QemuVersion };
        var addresses = SafeAddresses.Parse(given.Network);
        ports = new RemotePorts(link, addresses, UlaPrefix.Of(given.Init.Span));
        world = new RemoteWorld(link, addresses);
        volume = new FscryptVolume("", given.MountPoint);
    }

    /// <summary>A part of the roster's chain; with the last one it is verified and holds.</summary>
    /// <exception cref="RosterException">It is none.</exception>
    public void Take(RosterPart part)
    {
        if (part.First)
        {
            chain.Clear();
        }

        chain.AddRange(part.Entries.Select(e => (ReadOnlyMemory<byte>)e.ToByteArray()));
        if (part.Last)
        {
            roster = SafeRoster.Replay(chain);
            chain.Clear();
        }
    }

    public IReadOnlyList<SessionRecord> ListSessions() => new SessionStore(Volume.Root).Load();

    /// <summary>Reads what there is, takes over hosts that run, and puts the owners' rules in force.</summary>
    public async Task EnterAsync(ulong now)
    {
        generation = now;
        log.KeepOn(Volume.Root);
        var mine = LoadingAsync();
        await mine.ConfigureAwait(false);
        Enter(mine);
        await RulesChangedAsync().ConfigureAwait(false);    // before any port is let through
        await ApplyRosterAsync(now).ConfigureAwait(false);
    }

    public async Task ResumeAsync(ulong now, bool adopted, CancellationToken stop)
    {
        generation = now;
        var open = Workspace ?? throw new FaultException(FaultCodes.NotOpen);
        if (adopted)
        {
            await HoldAsync().ConfigureAwait(false);
        }

        await open.Outside.PrepareAsync(() => open.Rules.Problem is null ? open.Rules.Book.Standing : [], adopted).ConfigureAwait(false);
        if (adopted)
        {
            open.Hosts.SettleAdopted();
            return;
        }

        await open.Hosts.ResumeAllAsync(now, new Progress(this), stop).ConfigureAwait(false);
        await HoldAsync().ConfigureAwait(false);
    }

    public void LetIn()
    {
        lock (gate)
        {
            isOpen = true;
            soFar.Clear();
        }

        Workspace?.Outside.Begin();
        Work.Open();    // each host's port was let through as it was resumed, once its clock was right
    }

    /// <summary>Tells hosts of the roster as it is now.</summary>
    public async Task ApplyRosterAsync(ulong now)
    {
        generation = Math.Max(generation, now);
        if (Workspace is { } open && Roster is { } members)
        {
            await open.Hosts.ApplyRosterAsync([.. members.Members.Select(m => new MemberAccount(m.Account, FirstUser + (uint)m.Index))]).ConfigureAwait(false);
        }
    }

    public void Keep(LiveSession session) => Workspace?.Sessions.Save(SessionRecord.Of(session));

    public void Forget(Lifecycle.SessionId session) => Workspace?.Sessions.Forget(session);

    /// <summary>Nobody may take a session up again, whatever becomes of this closing.</summary>
    public void ForgetSessions()
    {
        Work.Shut();
        new SessionStore(Volume.Root).ForgetAll();
    }

    /// <summary>From here on nothing is begun any more.</summary>
    public void Shut()
    {
        Work.Shut();
        Workspace?.Outside.Shut();
        Workspace?.Hosts.Shut();
    }

    public void WriteBack()
    {
        if (Workspace is { } open)
        {
            _ = Task.Run(async () =>
            {
                try
                {
                    await open.Hosts.WriteBackAllAsync().ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    log.Trouble(e, "guests' memory could not be written back early");
                }
            });
        }
    }

    /// <summary>Suspends all hosts that run.</summary>
    /// <param name="limit">Of all of it.</param>
    /// <param name="adopts">They are another inside's, or another safed's: they are taken over first.</param>
    public async Task<IReadOnlyList<(int Number, HostOutcome Outcome)>> SuspendAsync(ulong now, TimeSpan limit, bool adopts)
    {
        var begin = BootClock.Now;
        Shut();
        await Task.WhenAny(Work.WhenEmpty, Task.Delay(WorkLimit)).ConfigureAwait(false);
        if (Workspace is null && adopts)
        {
            generation = now;
            log.KeepOn(Volume.Root);
            var mine = LoadingAsync();
            await mine.WaitAsync(limit * 0.4).ConfigureAwait(false);
            Enter(mine);
        }

        if (Workspace is not { } open)
        {
            return [];
        }

        var left = limit - (BootClock.Now - begin);
        var numbers = open.Hosts.Numbers;
        var outcomes = await open.Hosts.SuspendAllAsync(now, left > Least ? left : Least, new Progress(this)).ConfigureAwait(false);
        foreach (var lost in outcomes.Where(o => !o.Done))
        {
            string why = $"its memory is lost, its disk is not: {HostFaults.Note(lost.Fault!)}";
            log.Trouble(lost.Fault!, $"host {lost.Host} was stopped hard, {why}");
            Step(new HostStep(lost.Host, "stopped hard", Done: true, why));
        }

        return [.. outcomes.Select(o => (numbers.GetValueOrDefault(o.Host, HostDefinition.ProxyNumber), o))];
    }

    /// <summary>Ends every process of every host.</summary>
    public async Task EndHostsAsync()
    {
        Shut();
        if (Workspace is { } open)
        {
            await open.Hosts.KillAllAsync().ConfigureAwait(false);
        }
    }

    public async Task HoldAsync()
    {
        if (Workspace is { } open)
        {
            await link.DoAsync(new ToResident { Hold = new Processes { Numbers = { open.Hosts.Processes.Select(p => p.Pid) } } }).ConfigureAwait(false);
        }
    }

    /// <summary>Puts the owners' rules about hosts and devices in force. What fails is said, and tried again until it is done: the rule stands already.</summary>
    public async Task RulesChangedAsync()
    {
        if (Workspace is not { } open)
        {
            return;
        }

        try
        {
            await ApplyWaysAsync(open.Rules, open.Hosts).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            log.Trouble(e, "the owners' rules about hosts and devices are not in force yet");
            _ = ApplyAgainAsync(open);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Workspace is { } open)
        {
            await open.DisposeAsync().ConfigureAwait(false);
        }
    }

    private FscryptVolume Volume => volume ?? throw new InvalidOperationException("not told where it is yet");

    private async Task ApplyAgainAsync(Workspace open)
    {
        while (true)
        {
            await Task.Delay(Least).ConfigureAwait(false);
            if (link.Ended.IsCompleted)
            {
                return;
            }

            try
            {
                await ApplyWaysAsync(open.Rules, open.Hosts).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is FaultException or IOException)
            {
                // Said when it failed first.
            }
        }
    }

    /// <summary>One after the other, each with rules and hosts as they are when it is its turn.</summary>
    private async Task ApplyWaysAsync(RuleKeeper rules, HostFleet hosts)
    {
        await ruling.WaitAsync().ConfigureAwait(false);
        try
        {
            await Ways.ApplyAsync(WaysPlan.Of(rules, hosts.Numbers, ports!.Address)).ConfigureAwait(false);
        }
        finally
        {
            ruling.Release();
        }
    }

    /// <summary>The one loading there is: a host's QEMU has one line for its orders, and whoever came second would take it for hung.</summary>
    private Task<Workspace> LoadingAsync()
    {
        lock (gate)
        {
            return loading is { IsFaulted: false, IsCanceled: false } going ? going : loading = Task.Run(LoadWorkspaceAsync);
        }
    }

    private void Enter(Task<Workspace> loaded)
    {
        lock (gate)
        {
            Workspace = loaded.Result;
        }
    }

    private void Step(HostStep step)
    {
        lock (gate)
        {
            if (!isOpen)
            {
                soFar.Add(step);
            }
        }

        Stepped?.Invoke(step);
    }

    private sealed class Progress(InsideSafe safe) : IProgress<HostStep>
    {
        public void Report(HostStep value) => safe.Step(value);
    }
}
