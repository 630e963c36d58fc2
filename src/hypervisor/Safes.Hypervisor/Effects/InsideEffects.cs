using Google.Protobuf;
using Safes.Contracts;
using Safes.Contracts.Link;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Link;
using Safes.Hypervisor.Outside;
using Safes.Hypervisor.Resident;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Vaults;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Effects;

/// <summary>The inside: a process for each opening, begun with it and seen to end before the key goes.</summary>
public sealed partial class SafeEffects
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1), EndLimit = TimeSpan.FromSeconds(2), LookLimit = TimeSpan.FromSeconds(10);

    private readonly InsideDesk desk = new(parts);
    private StartedInside? inside;
    private DateTimeOffset openSince;
    private Task<StartedInside>? spare;

    /// <summary>The inside ended by itself while it was needed.</summary>
    public event Action? InsideDied;

    public event Action? InsideEntered;

    public ReadOnlyMemory<byte> InsidePin => inside is { IsAlive: true, IsUsed: true } i ? i.Pin : default;

    /// <summary>The hosts there are, by number.</summary>
    public IReadOnlyList<HostSeen> Hosts => inside is null ? [] : desk.Hosts;

    public string InsideState => inside is { IsAlive: true } i ? $"alive, pid {i.Process.Pid}" : "none";

    /// <summary>Has one stand by with nothing in it, for the next opening not to wait for it.</summary>
    public void Warm() => _ = SpareAsync();

    /// <summary>Hands a connection on to the inside, whose it is then; false: there is none.</summary>
    public bool HandOver(System.Net.Sockets.Socket connection)
    {
        if (inside is not { IsAlive: true } open)
        {
            return false;
        }

        open.Tell(new ToInside { Connection = new Connection() }, connection.SafeHandle);
        connection.Dispose();    // it has a descriptor of its own by now
        return true;
    }

    /// <summary>The header was changed: the marker follows while the volume is open, the gateway and the hosts are told.</summary>
    public async Task RosterChangedAsync(HeaderChange change)
    {
        var open = inside;
        if (open is not null)
        {
            Volume.WriteMarker(change.Marker);
            Vault.MarkerWritten(change.Generation);
            Failpoint.Reach("roster: marker written");
        }

        await parts.Gateway.ConfigureAsync(GatewayPlan.Of(Vault)).ConfigureAwait(false);
        Failpoint.Reach("roster: gateway told");
        if (open is not null && Vault.Roster is { } roster)
        {
            await open.TellRosterAsync(roster, CancellationToken.None).ConfigureAwait(false);
            await open.DoAsync(new ToInside { ApplyRoster = new ApplyRoster { Generation = Vault.Generation } }).ConfigureAwait(false);
        }
    }

    /// <summary>Tells the inside what it cannot see from where it lives.</summary>
    /// <param name="since">When the safe came to be as it is.</param>
    public void TellCircumstances(DateTimeOffset since)
    {
        openSince = since;
        inside?.Tell(new ToInside { Circumstances = CircumstancesNow() });
    }

    private Circumstances CircumstancesNow() => new()
    {
        SinceUnix = openSince.ToUnixTimeSeconds(),
        GatewayUp = parts.Gateway?.IsUp ?? false,
        Generation = Vault.Generation,
        Resolvers = { Resolvers.OfServer().Select(a => $"{a}") },
        Own = { OwnAddresses.OfServer().Select(a => $"{a}") },
    };

    private Task<StartedInside> SpareAsync()
    {
        lock (gate)
        {
            return spare is { IsFaulted: false, IsCanceled: false } standing && (!standing.IsCompleted || standing.Result is { IsAlive: true, IsUsed: false })
                ? standing : spare = Task.Run(StartAsync);
        }
    }

    private async Task<StartedInside> StartAsync()
    {
        var started = StartedInside.Start(parts, Volume.MountPoint, desk);
        try
        {
            await started.PrepareAsync(
                new Standing
                {
                    Name = parts.Paths.Name,
                    MountPoint = Volume.MountPoint,
                    HostsDirectory = parts.Paths.Hosts,
                    Network = Vault.Configuration.Network,
                    Init = ByteString.CopyFrom(Vault.Init),
                    FirstUser = parts.Premises.FirstUser,
                    Images = { parts.Premises.Images.ToDictionary(i => i.Key, i => i.Value) },
                    KnownImages = { parts.Images.Values.Select(Convert.ToHexStringLower) },    // as Hello shows them, read when safed started
                    BoundSeconds = deadlines.Bound.TotalSeconds,
                    Tools = parts.Tools.ToJson(),
                    QemuVersion = parts.Tools.QemuVersion,
                },
                CancellationToken.None).WaitAsync(LookLimit).ConfigureAwait(false);
            return started;
        }
        catch
        {
            await started.EndAsync(EndLimit).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>One that has the volume, and knows who belongs to the safe and who is in it.</summary>
    private async Task<StartedInside> GivenAsync(SafeState state, CancellationToken stop)
    {
        Volume.CheckPolicy(key ?? throw new FaultException(FaultCodes.PolicyWrong));
        var taken = await SpareAsync().WaitAsync(stop).ConfigureAwait(false);
        lock (gate)
        {
            spare = null;
        }

        try
        {
            desk.Begin();
            parts.Holding.Add(taken.Process);
            await parts.Holding.HoldAsync([]).ConfigureAwait(false);     // before it has anything that keeps the key
            await taken.GiveVolumeAsync().ConfigureAwait(false);
            taken.Tell(new ToInside { Circumstances = CircumstancesNow() });
            if (Vault.Roster is { } roster)
            {
                await taken.TellRosterAsync(roster, stop).ConfigureAwait(false);
            }

            foreach (var session in Known(state))
            {
                await BeginAsync(taken, session, keep: false).ConfigureAwait(false);
            }

            return taken;
        }
        catch
        {
            await taken.EndAsync(EndLimit).ConfigureAwait(false);
            throw;
        }
    }

    private IEnumerable<LiveSession> Known(SafeState state) => (state switch
    {
        Lifecycle.Opening { For: Work w } => [w.Opener.Id],
        Open o => o.Sessions.Select(s => s.Id),
        _ => (IEnumerable<SessionId>)[],
    }).Select(parts.Sessions.Find).OfType<LiveSession>();

    private async Task EnterAsync(SafeState state, bool adopted, CancellationToken stop)
    {
        if (inside is not { IsAlive: true })
        {
            inside = await GivenAsync(state, stop).ConfigureAwait(false);
            _ = WatchAsync(inside);
        }

        var entered = inside;
        await entered.DoAsync(new ToInside { Enter = new Enter { Generation = Vault.Generation, Adopted = adopted } }, stop).ConfigureAwait(false);
        InsideEntered?.Invoke();
        await entered.DoAsync(new ToInside { Resume = new Resume { Generation = Vault.Generation, Adopted = adopted } }, stop).ConfigureAwait(false);
    }

    private async Task WatchAsync(StartedInside watched)
    {
        await watched.Exited.ConfigureAwait(false);
        if (inside == watched)
        {
            parts.Log.Trouble(null, "the inside ended by itself");
            InsideDied?.Invoke();
        }
    }

    /// <summary>After its death, which the lifecycle is told by itself, nothing that it was to do is a failure of its own.</summary>
    private async Task AdoptAsync(SafeState state, CancellationToken stop)
    {
        try
        {
            await EnterAsync(state, adopted: true, stop).ConfigureAwait(false);
        }
        catch (IOException e) when (inside is { IsAlive: false })
        {
            parts.Log.Trouble(e, "the inside ended while it entered");
        }
    }

    private static Task BeginAsync(StartedInside to, LiveSession session, bool keep)
    {
        if (!session.IsFollowed(to))
        {
            _ = session.Ended.ContinueWith(
                ended => to.Tell(new ToInside { SessionOver = SessionMessages.Over(session.Id, ended.Result, forget: false) }),
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        return to.DoAsync(new ToInside { SessionBegan = SessionMessages.Began(session, keep) });
    }

    private async Task RecordAsync(SessionId id)
    {
        if (inside is { } open && parts.Sessions.Find(id) is { } session)
        {
            await BeginAsync(open, session, keep: true).ConfigureAwait(false);
        }
    }

    private async Task ForgetAsync(SessionId id)
    {
        if (inside is { } open)
        {
            await open.DoAsync(new ToInside { SessionOver = SessionMessages.Over(id, new SessionEnd(EndReasons.Left), forget: true) }).ConfigureAwait(false);
        }
    }

    private void ForgetAll()
    {
        parts.Work.Shut();
        if (key is { } k && Volume.Observe(k).Key == KeyStatus.Present)
        {
            Volume.CheckPolicy(k);    // nothing is written, not even removed, in a volume that is not ours
            new SessionStore(Volume.Root).ForgetAll();
        }
    }

    private async Task SuspendAsync(SafeState state, CancellationToken stop)
    {
        var begin = BootClock.Now;
        await Task.WhenAny(parts.Work.WhenEmpty, Task.Delay(TimeSpan.FromSeconds(5), stop)).ConfigureAwait(false);
        // One that dies over it is followed by another, which takes the hosts over; a second death is one too many.
        for (int attempt = 0; attempt < 2; attempt++)
        {
            bool running = HostProcesses.Find(parts.Paths).Count > 0;
            bool dead = inside is not { IsAlive: true };
            if (dead && (!running || key is not { } k || Volume.Observe(k).Key != KeyStatus.Present))
            {
                return;
            }

            try
            {
                if (dead)
                {
                    inside = await GivenAsync(state, stop).WaitAsync(deadlines.Suspend * 0.3, stop).ConfigureAwait(false);
                }

                var left = deadlines.Suspend - (BootClock.Now - begin);
                var said = await inside!.OrderAsync(
                    new ToInside { Suspend = new Suspend { Generation = Vault.Generation, Seconds = (left > Least ? left : Least).TotalSeconds, Adopts = running } }, stop)
                    .ConfigureAwait(false);
                foreach (var lost in said.Ends.Where(e => !e.Done))
                {
                    parts.Log.Trouble(null, $"host {lost.Host} was stopped hard: {Numbers.CodeOf(lost.Fault)}");
                }

                return;
            }
            catch (Exception e) when (e is IOException or FaultException or TimeoutException)
            {
                parts.Log.Trouble(e, "hosts that run could not be suspended by the inside");
            }
        }
    }

    private async Task EndProcessesAsync()
    {
        if (inside is { IsAlive: true } open)
        {
            try
            {
                await open.DoAsync(new ToInside { EndHosts = new EndHosts() }).WaitAsync(EndLimit).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or FaultException or TimeoutException)
            {
                parts.Log.Trouble(e, "the inside could not end its hosts; they are ended without it");
            }
        }

        HostProcesses.End(parts.Paths, TimeSpan.FromSeconds(3));
        if (!await EndInsideAsync().ConfigureAwait(false))
        {
            throw new IOException("the inside cannot be ended");
        }
    }

    /// <summary>Ends the inside and sees it gone; false: it is still there.</summary>
    private async Task<bool> EndInsideAsync()
    {
        var ending = inside;
        desk.Shut();
        if (ending is null)
        {
            return true;
        }

        inside = null;    // first: its end is no death
        openSince = default;
        if (await ending.EndAsync(EndLimit).ConfigureAwait(false))
        {
            desk.Forget();
            parts.Holding.Clear();
            return true;
        }

        inside = ending;
        return false;
    }

    /// <summary>The sessions that lie on the volume, told by an inside that reads nothing else yet. Of who is no longer in the roster there is none.</summary>
    private async Task<IReadOnlyList<LiveSession>> ListSessionsAsync()
    {
        inside = await GivenAsync(new Closed(), CancellationToken.None).ConfigureAwait(false);
        _ = WatchAsync(inside);
        var said = await inside.OrderAsync(new ToInside { ListSessions = new ListSessions() }, CancellationToken.None).WaitAsync(LookLimit).ConfigureAwait(false);
        return Vault.Roster is { } roster ? [.. said.Sessions.Select(kept => SessionMessages.Of(kept, roster)).OfType<LiveSession>()] : [];
    }
}
