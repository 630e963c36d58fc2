using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Guardian;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Vaults;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Roster;
using Safes.Volumes;
using Holder = Safes.Lifecycle.Holder;

namespace Safes.Hypervisor.Effects;

/// <summary>Performs the lifecycle's effects on the real parts. Called by one loop, one effect at a time (a hung one may be left behind).</summary>
public sealed class SafeEffects(SafeParts parts, Deadlines deadlines) : IEffects, IOpenSafe, IAsyncDisposable
{
    private GuardianClient? guardian;
    private KeyIdentifier? key;
    private LockOutcome? locked;
    private readonly Lock starting = new();
    private Task<GuardianClient>? pending;

    /// <summary>Null unless the volume is open and checked.</summary>
    public Workspace? Workspace { get; private set; }

    /// <summary>The guardian's process ended by itself.</summary>
    public event Action? GuardianDied;

    public string GuardianState => guardian is { IsAlive: true } g ? $"alive, pid {g.Pid}" : "none";

    public TimeSpan LimitOf(Effect effect) => deadlines.Of(effect);

    public async Task<EventAt?> PerformAsync(Effect effect, SafeState state, CancellationToken stop)
    {
        switch (effect)
        {
            case AllowDevices e:
                await parts.Gateway.AllowAsync([.. e.Devices.Select(d => Vault.Peers.FirstOrDefault(p => IdOf(p) == d)?.Address).OfType<System.Net.IPAddress>()])
                    .ConfigureAwait(false);
                return null;
            case MakeVolume:
                await MakeVolumeAsync().ConfigureAwait(false);
                return null;
            case AttachVolume:
                await Volume.AttachAsync(Identity).ConfigureAwait(false);
                return null;
            case ArmGuardian e:
                await ArmAsync(e.Until, state).ConfigureAwait(false);
                return null;
            case AddKey:
                key = Volume.Unlock(parts.Keys.Get(state).VolumeKey, key);
                return null;
            case LayOutVolume:
                LayOut(parts.Keys.Get(state));
                parts.Keys.Wipe(state);
                return null;
            case CheckVolume:
                Check(parts.Keys.Get(state));
                parts.Keys.Wipe(state);
                return null;
            case ResumeHosts:
                await EnterAsync().ConfigureAwait(false);
                await Workspace!.Hosts.ResumeAllAsync(Vault.Generation, Progress).ConfigureAwait(false);
                await HoldAsync().ConfigureAwait(false);
                return null;
            case AdoptHosts:
                Volume.CheckPolicy(key ?? throw new FaultException(FaultCodes.PolicyWrong));
                await EnterAsync().ConfigureAwait(false);
                await HoldAsync().ConfigureAwait(false);
                return null;
            case LetInside:
                parts.Work.Open();    // each host's port was let through as it was resumed, once its clock was right
                return null;
            case RecordSession e:
                if (parts.Sessions.Find(e.Session) is { } recorded)
                {
                    Workspace?.Sessions.Save(SessionRecord.Of(recorded));
                }

                return null;
            case ForgetSession e:
                Workspace?.Sessions.Forget(e.Session);
                return null;
            case ForgetSessions:
                ForgetAll();
                return null;
            case SetGuardian e:
                await SetGuardianAsync(e.Until, state).ConfigureAwait(false);
                return null;
            case WriteBack:
                WriteBackHosts();
                return null;
            case CutInside:
                parts.Work.Shut();
                await parts.Network.CutAllAsync().ConfigureAwait(false);
                return null;
            case SuspendHosts:
                await SuspendAsync(stop).ConfigureAwait(false);
                return null;
            case EndProcesses:
                await EndProcessesAsync().ConfigureAwait(false);
                return null;
            case LockVolume:
                parts.Keys.Wipe(state);
                locked = await Volume.LockAsync(deadlines.Lock, key).ConfigureAwait(false);
                return null;
            case VerifyClosed:
                return Verify();
            case DisarmGuardian:
                await DisarmAsync().ConfigureAwait(false);
                return null;
            case Reboot:
                parts.Log.Trouble(null, "rebooting the server, as configured: the key cannot be removed");
                await File.WriteAllTextAsync("/proc/sysrq-trigger", "b", stop).ConfigureAwait(false);
                return null;
            default:
                throw new InvalidOperationException($"nobody performs {effect}");
        }
    }

    /// <summary>What the kernel and the processes say, for a safed that starts.</summary>
    public Findings Look()
    {
        var facts = Volume.Observe();
        bool present = facts.Key == KeyStatus.Present;
        IReadOnlyList<SessionRecord> recorded = [];
        if (present && facts.Mounts.Any(m => m.Path == Volume.MountPoint))
        {
            key = Volume.FindPolicy();
            try
            {
                Volume.CheckPolicy(key ?? throw new FaultException(FaultCodes.PolicyWrong));
                recorded = [.. new SessionStore(Volume.Root).Load().Where(r => r.Live().EndsBy > BootClock.Now)];
            }
            catch (Exception e) when (e is IOException or FaultException)
            {
                parts.Log.Trouble(e, "the open volume found is not as it should be; closing it");
            }
        }

        parts.Sessions.Load(recorded);
        return new Findings(
            Vault.IsClaimed, facts.Key switch { KeyStatus.Present => KeyFound.Present, KeyStatus.IncompletelyRemoved => KeyFound.Partly, _ => KeyFound.Absent },
            facts.Mounts.Count + facts.Loops.Count > 0, HostProcesses.Find(Volume.MountPoint).Count > 0,
            [.. recorded.Select(r => r.Live().Id)]);
    }

    /// <summary>Tells hosts of the roster as it is now.</summary>
    private async Task ApplyRosterAsync()
    {
        if (Workspace is { } open && Vault.Roster is { } roster)
        {
            await open.Hosts.ApplyRosterAsync([.. roster.Members.Select(m => new MemberAccount(m.Account, FirstUser + (uint)m.Index))]).ConfigureAwait(false);
        }
    }

    /// <summary>The header was changed: the marker follows while the volume is open, the gateway and the hosts are told.</summary>
    public async Task RosterChangedAsync(HeaderChange change)
    {
        if (Workspace is not null)
        {
            Volume.WriteMarker(change.Marker);
            Vault.MarkerWritten(change.Generation);
        }

        await parts.Gateway.ConfigureAsync(GatewayPlan.Of(Vault)).ConfigureAwait(false);
        await ApplyRosterAsync().ConfigureAwait(false);
    }

    /// <summary>Guards hosts that were started since.</summary>
    public async Task HoldAsync()
    {
        if (guardian is { IsAlive: true } g && Workspace is { } open && open.Hosts.Processes is { Count: > 0 } processes)
        {
            await g.HoldAsync(processes).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        parts.Keys.Dispose();
        if (Workspace is { } open)
        {
            await open.DisposeAsync().ConfigureAwait(false);
        }

        if (guardian is { } g)
        {
            await g.DisposeAsync().ConfigureAwait(false);
        }
    }

    private const uint FirstUser = 3001;

    private Vault Vault => parts.Vault;

    private FscryptVolume Volume => parts.Volume;

    private VolumeIdentity Identity => parts.Premises.Volume(Vault.Configuration.VolumeBytes);

    private HostProgress Progress => new(parts);

    private static Lifecycle.Device IdOf(Peer peer) => DeviceOf(peer.Device);

    /// <summary>The lifecycle's name of a device.</summary>
    public static Lifecycle.Device DeviceOf(Keys.DeviceId device) => new(new Guid(device.ToBytes()));

    private async Task MakeVolumeAsync()
    {
        if (File.Exists(Volume.File) && await IsFreshAsync().ConfigureAwait(false))
        {
            return;
        }

        // A claim that came to nothing left its traces; no key for them exists, so nothing is lost with them.
        File.Delete(Volume.File);
        var made = await Volume.CreateAsync(Vault.Configuration.VolumeBytes).ConfigureAwait(false);
        parts.Premises = parts.Premises with { VolumeId = made.FileSystem };
        parts.Premises.Write(parts.Paths);
    }

    private async Task<bool> IsFreshAsync()
    {
        await Volume.AttachAsync(Identity).ConfigureAwait(false);
        bool fresh = Volume.FindPolicy() is null;
        return await Volume.LockAsync(deadlines.Lock).ConfigureAwait(false) is LockOutcome.Absent && fresh;
    }

    private async Task ArmAsync(TimeSpan until, SafeState state)
    {
        if (state is Lifecycle.Opening)
        {
            var expected = KeySlots.IdentifierOf(parts.Keys.Get(state).VolumeKey);
            if (state is Lifecycle.Opening { For: Work } && Volume.FindPolicy() is var policy && policy != expected)
            {
                throw new VolumeException(VolumeRefusal.PolicyWrong, Volume.File, policy is null ? "no encrypted directory" : "another key's");
            }

            key = expected;
        }

        guardian = await LiveGuardianAsync().ConfigureAwait(false);
        await guardian.ArmAsync(new GuardedVolume(Volume.File, Volume.MountPoint, key ?? throw new InvalidOperationException("no key to guard")), until)
            .ConfigureAwait(false);
        await HoldAsync().ConfigureAwait(false);
    }

    private async Task SetGuardianAsync(TimeSpan until, SafeState state)
    {
        if (guardian is { IsAlive: true } g)
        {
            await g.ExtendAsync(until).ConfigureAwait(false);
        }
        else if (key is not null && Volume.Observe(key).Key is KeyStatus.Present or KeyStatus.IncompletelyRemoved)
        {
            await ArmAsync(until, state).ConfigureAwait(false);
        }
    }

    private async Task DisarmAsync()
    {
        if (guardian is { IsAlive: true } g && !await g.DisarmAsync().ConfigureAwait(false))
        {
            throw new IOException("the guardian does not see the volume closed");
        }

        key = null;
        _ = LiveGuardianAsync();    // one waits for the next opening, which then need not wait for it
    }

    private Task<GuardianClient> LiveGuardianAsync()
    {
        lock (starting)
        {
            if (guardian is { IsAlive: true } alive)
            {
                return Task.FromResult(alive);
            }

            if (pending is not { IsCompleted: false })
            {
                pending = StartGuardianAsync();
            }

            return pending;
        }
    }

    private async Task<GuardianClient> StartGuardianAsync()
    {
        var started = await GuardianClient.StartOrConnectAsync(parts.Guardian).ConfigureAwait(false);
        started.Died += () => GuardianDied?.Invoke();
        lock (starting)
        {
            return guardian = started;
        }
    }

    private void LayOut(OpenedKeys keys)
    {
        Volume.InitialiseLayout(key ?? throw new InvalidOperationException("no key to lay out for"));
        Volume.WriteMarker(keys.NewMarker());
    }

    private void Check(OpenedKeys keys)
    {
        Volume.CheckPolicy(key ?? throw new InvalidOperationException("no key to check for"));
        switch (keys.CheckMarker(Volume.ReadMarker() ?? []))
        {
            case MarkerCheck.Wrong:
                throw new FaultException(FaultCodes.MarkerWrong);
            case MarkerCheck.Behind:
                Volume.WriteMarker(keys.NewMarker());
                break;
        }

        Vault.MarkerWritten(keys.Generation);
    }

    private async Task EnterAsync()
    {
        var ssh = await SshAuthority.OpenAsync(Volume.Root.Below("ssh"), Path.Combine(parts.Paths.Hosts, ".signing")).ConfigureAwait(false);
        var fleet = new HostFleet(new HostFleetOptions
        {
            Zone = parts.Paths.Name,
            Volume = Volume.Root,
            Authority = ssh,
            RunDirectory = parts.Paths.Hosts,
            EmptyNetworkPin = parts.Paths.EmptyPin,
            Tools = parts.Tools,
            Ports = new SafeNetworkPorts(parts.Network),
            Bundles = parts.Premises.Images,
            Bound = deadlines.Bound,
        });
        fleet.Changed += h => parts.Notices.Tell("host", $"{h.Name}: {h.State}{(h.Note.Length > 0 ? $", {h.Note}" : "")}", Api.Messages.Of(h));
        await fleet.LoadAsync().ConfigureAwait(false);
        Workspace = new Workspace(fleet, ssh, new SessionStore(Volume.Root), Volume.Root);
        await ApplyRosterAsync().ConfigureAwait(false);
    }

    private void ForgetAll()
    {
        parts.Work.Shut();
        if (Workspace is { } open)
        {
            open.Sessions.ForgetAll();
        }
        else if (key is { } k && Volume.Observe(k).Key == KeyStatus.Present)
        {
            Volume.CheckPolicy(k);    // nothing is written, not even removed, in a volume that is not ours
            new SessionStore(Volume.Root).ForgetAll();
        }
    }

    private void WriteBackHosts()
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
                    parts.Log.Trouble(e, "guests' memory could not be written back early");
                }
            });
        }
    }

    private async Task SuspendAsync(CancellationToken stop)
    {
        await Task.WhenAny(parts.Work.WhenEmpty, Task.Delay(TimeSpan.FromSeconds(5), stop)).ConfigureAwait(false);
        if (Workspace is { } open)
        {
            var outcomes = await open.Hosts.SuspendAllAsync(Vault.Generation, deadlines.Suspend, Progress).ConfigureAwait(false);
            foreach (var lost in outcomes.Where(o => !o.Done))
            {
                parts.Log.Trouble(lost.Fault, $"host {lost.Host} was stopped hard, its memory is lost ({lost.Hung ?? lost.Fault?.Code.Code})");
            }
        }
    }

    private async Task EndProcessesAsync()
    {
        if (Workspace is { } open)
        {
            await open.Hosts.KillAllAsync().ConfigureAwait(false);
            await open.DisposeAsync().ConfigureAwait(false);
            Workspace = null;
        }

        HostProcesses.End(Volume.MountPoint, TimeSpan.FromSeconds(3));
    }

    private EventAt Verify()
    {
        var facts = Volume.Observe(key);
        var processes = HostProcesses.Find(Volume.MountPoint);
        if (facts.IsClosed && processes.Count == 0)
        {
            return at => new FoundClosed(at, Vault.IsClaimed);
        }

        if (locked is LockOutcome.Unreachable hung)
        {
            return at => new FoundHeld(at, $"the storage does not answer ({hung.Step})", []);
        }

        Items<Holder> holders =
        [
            .. Volume.FindHolders().Where(h => h.Pid != Environment.ProcessId || h.Kind != HoldKind.SecondMount)
                .Select(h => new Holder(h.Pid, h.Command, $"{HolderWords.Of(h.Kind)} {h.Path}".TrimEnd())),
            .. processes.Select(p => new Holder(p.Pid, p.Command, "a host's process")),
        ];
        return at => new FoundHeld(at, facts.Key is KeyStatus.NotMounted or KeyStatus.Absent ? "the volume is still attached" : "its key is still in the kernel", holders);
    }
}
