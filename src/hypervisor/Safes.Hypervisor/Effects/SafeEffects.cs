using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Vaults;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Volumes;
using Holder = Safes.Lifecycle.Holder;

namespace Safes.Hypervisor.Effects;

/// <summary>Performs the lifecycle's effects on the real parts. Called by one loop, one effect at a time (a hung one may be left behind).</summary>
public sealed partial class SafeEffects(SafeParts parts, Deadlines deadlines) : IEffects, IInsideOut, IAsyncDisposable
{
    private KeyIdentifier? key;
    private LockOutcome? locked;

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
                RunRoom.Check(parts.Paths.Run);
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
                await EnterAsync(state, adopted: false, stop).ConfigureAwait(false);
                stop.ThrowIfCancellationRequested();
                return null;
            case AdoptHosts:
                await AdoptAsync(state, stop).ConfigureAwait(false);
                stop.ThrowIfCancellationRequested();
                return null;
            case LetInside:
                await LetInAsync().ConfigureAwait(false);
                return null;
            case RecordSession e:
                await RecordAsync(e.Session).ConfigureAwait(false);
                return null;
            case ForgetSession e:
                await ForgetAsync(e.Session).ConfigureAwait(false);
                return null;
            case ForgetSessions:
                ForgetAll();
                return null;
            case SetGuardian e:
                await SetGuardianAsync(e.Until, state).ConfigureAwait(false);
                return null;
            case WriteBack:
                inside?.Tell(new Contracts.Link.ToInside { WriteBack = new Contracts.Link.WriteBackHosts() });
                return null;
            case CutInside:
                parts.Work.Shut();
                desk.Shut();
                inside?.Tell(new Contracts.Link.ToInside { Shut = new Contracts.Link.Shut() });
                await parts.Network.CutAllAsync().ConfigureAwait(false);
                return null;
            case SuspendHosts:
                await SuspendAsync(state, stop).ConfigureAwait(false);
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
        IReadOnlyList<LiveSession> recorded = [];
        if (present && facts.Mounts.Any(m => m.Path == Volume.MountPoint))
        {
            key = Volume.FindPolicy();
            try
            {
                Volume.CheckPolicy(key ?? throw new FaultException(FaultCodes.PolicyWrong));
                recorded = [.. (await ListSessionsAsync().ConfigureAwait(false)).Where(s => s.EndsBy > BootClock.Now)];
            }
            catch (Exception e) when (e is IOException or FaultException or TimeoutException)
            {
                parts.Log.Trouble(e, "the open volume found is not as it should be; closing it");
            }
        }

        parts.Sessions.Load(recorded);
        return new Findings(
            Vault.IsClaimed, facts.Key switch { KeyStatus.Present => KeyFound.Present, KeyStatus.IncompletelyRemoved => KeyFound.Partly, _ => KeyFound.Absent },
            facts.Mounts.Count + facts.Loops.Count > 0, HostProcesses.Find(parts.Paths).Count > 0,
            [.. recorded.Select(s => new AwaitedSession(s.Id, DeviceOf(s.Device)))], GuardedUntil());
    }

    public async ValueTask DisposeAsync()
    {
        parts.Keys.Dispose();
        if (inside is { } ending)
        {
            inside = null;
            await ending.EndAsync(EndLimit).ConfigureAwait(false);
        }

        if (spare is { IsCompletedSuccessfully: true } standing)
        {
            await standing.Result.EndAsync(EndLimit).ConfigureAwait(false);
        }

        parts.Holding.Clear();
        desk.Dispose();
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

    private async Task LetInAsync()
    {
        try
        {
            if (inside is { } open)
            {
                TellCircumstances(openSince == default ? DateTimeOffset.UtcNow : openSince);
                await open.DoAsync(new Contracts.Link.ToInside { LetIn = new Contracts.Link.LetIn() }).ConfigureAwait(false);
            }
        }
        catch (IOException) when (inside is { IsAlive: false })
        {
            // The lifecycle is told of its death by itself.
        }

        parts.Work.Open();
    }

    private async Task MakeVolumeAsync()
    {
        if (File.Exists(Volume.File) && await IsFreshAsync().ConfigureAwait(false))
        {
            Vault.BeginClaim();
            return;
        }

        // A claim that came to nothing left its traces; no key for them exists, so nothing is lost with them. Of anything else somebody may
        // have the key: a server that has lost its header looks like this.
        if (File.Exists(Volume.File) && !Vault.ClaimCameToNothing)
        {
            throw new FaultException(FaultCodes.HeaderDamaged, ("why", "no header is left, and the volume is not blank"));
        }

        File.Delete(Volume.File);
        var made = await Volume.CreateAsync(Vault.Configuration.VolumeBytes).ConfigureAwait(false);
        parts.Premises = parts.Premises with { VolumeId = made.FileSystem };
        parts.Premises.Write(parts.Paths);
        Vault.BeginClaim();
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

    private EventAt Verify()
    {
        var facts = Volume.Observe(key);
        var processes = HostProcesses.Find(parts.Paths);
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
                .Select(h => new Holder(h.Pid, h.Command, HolderWords.Of(h.Kind), Ours: h.Pid == Environment.ProcessId)),
            .. processes.Select(p => new Holder(p.Pid, p.Command, "a host's process")),
        ];
        return at => new FoundHeld(at, gone ? "the volume is still attached" : "its key is still in the kernel", holders, gone);
    }
}
