using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Hypervisor.Vaults;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Volumes;
using Holder = Safes.Lifecycle.Holder;

namespace Safes.Hypervisor.Effects;

/// <summary>Performs the lifecycle's effects on the real parts. Called by one loop, one effect at a time (a hung one may be left behind).</summary>
public sealed partial class SafeEffects(SafeParts parts, Deadlines deadlines) : IEffects, IOpenSafe, IAsyncDisposable
{
    private KeyIdentifier? key;
    private LockOutcome? locked;

    /// <summary>Null unless the volume is open and checked.</summary>
    public Workspace? Workspace { get; private set; }

    public TransferRoom? Transfers => Workspace?.Transfers;

    public TimeSpan LimitOf(Effect effect) => deadlines.Of(effect);

    public async Task<EventAt?> PerformAsync(Effect effect, SafeState state, CancellationToken stop)
    {
        Failpoint.Reach($"{(state is Lifecycle.Opening { For: Claim } ? "Claim" : state.GetType().Name)} {effect.Name}");
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
                await EnterAsync(stop).ConfigureAwait(false);
                await PrepareOutsideAsync(adopted: false).ConfigureAwait(false);
                await Workspace!.Hosts.ResumeAllAsync(Vault.Generation, Progress, stop).ConfigureAwait(false);
                stop.ThrowIfCancellationRequested();
                await HoldAsync().ConfigureAwait(false);
                return null;
            case AdoptHosts:
                await EnterAsync(stop).ConfigureAwait(false);
                await HoldAsync().ConfigureAwait(false);
                stop.ThrowIfCancellationRequested();
                await PrepareOutsideAsync(adopted: true).ConfigureAwait(false);
                Workspace!.Hosts.SettleAdopted();
                return null;
            case LetInside:
                Workspace?.Outside.Begin();
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
                Workspace?.Outside.Shut();
                Workspace?.Hosts.Shut();
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
                using (var trigger = Machine.OpenRebootTrigger())
                {
                    Machine.Reboot(trigger);
                }

                return null;
            default:
                throw new InvalidOperationException($"nobody performs {effect}");
        }
    }

    /// <summary>What the kernel and the processes say, for a safed that starts.</summary>
    public async Task<Findings> LookAsync()
    {
        await FindGuardianAsync().ConfigureAwait(false);
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
            [.. recorded.Select(r => r.Live().Id)], GuardedUntil());
    }

    public async ValueTask DisposeAsync()
    {
        parts.Keys.Dispose();
        await LeaveAsync().ConfigureAwait(false);
        if (guardian is { } g)
        {
            await g.DisposeAsync().ConfigureAwait(false);
        }
    }

    private Vault Vault => parts.Vault;

    private FscryptVolume Volume => parts.Volume;

    private VolumeIdentity Identity => parts.Premises.Volume(Vault.Configuration.VolumeBytes);

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

    private EventAt Verify()
    {
        var facts = Volume.Observe(key);
        var processes = HostProcesses.Find(Volume.MountPoint);
        if (facts.IsClosed && processes.Count == 0)
        {
            return at => new FoundClosed(at, Vault.IsClaimed);
        }

        bool gone = facts.Key is KeyStatus.NotMounted or KeyStatus.Absent;
        if (locked is LockOutcome.Unreachable hung)
        {
            return at => new FoundHeld(at, $"the storage does not answer ({hung.Step})", [], gone);
        }

        Items<Holder> holders =
        [
            .. Volume.FindHolders().Where(h => h.Pid != Environment.ProcessId || h.Kind != HoldKind.SecondMount)
                .Select(h => new Holder(h.Pid, h.Command, $"{HolderWords.Of(h.Kind)} {h.Path}".TrimEnd(), Ours: h.Pid == Environment.ProcessId)),
            .. processes.Select(p => new Holder(p.Pid, p.Command, "a host's process")),
        ];
        return at => new FoundHeld(at, gone ? "the volume is still attached" : "its key is still in the kernel", holders, gone);
    }
}
