using System.Collections.Concurrent;
using Safes.Contracts;
using Safes.Linux;
using Safes.Qemu;
using Safes.Volumes;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// The virtual hosts of an open safe. Made when the volume is unlocked, disposed before it is locked; between calls it holds nothing
/// that would keep the volume, apart from the hosts' own processes.
/// </summary>
public sealed partial class HostFleet : IProxied, IAsyncDisposable
{
    private static readonly TimeSpan PowerOffLimit = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, VirtualHost> hosts = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim adding = new(1);
    private readonly PreparedImages images;
    private readonly HostRoom room;
    private readonly CancellationTokenSource closing = new();
    private IReadOnlyList<MemberAccount> accounts = [];

    public HostFleet(HostFleetOptions options)
    {
        Options = options;
        images = new PreparedImages(options);
        room = new HostRoom(options);
    }

    public HostFleetOptions Options { get; }

    /// <summary>Raised when a host's state changed.</summary>
    public event Action<HostStatus>? Changed;

    /// <summary>Raised when there is no host of this number any more.</summary>
    public event Action<int>? Removed;

    /// <summary>QEMU and virtiofsd of every host that runs: what the guardian must be able to end.</summary>
    public IReadOnlyList<PidFd> Processes => [.. hosts.Values.Select(h => h.Machine).OfType<VirtualMachine>().SelectMany(m => m.Processes)];

    private VolumeDirectory Directory => Options.Volume.Below("hosts");

    /// <summary>All hosts that members made, by name.</summary>
    public IReadOnlyList<HostStatus> Status() => [.. hosts.Values.Where(h => !h.Definition.IsProxy).Select(h => h.Status()).Concat(spoilt.Values).OrderBy(s => s.Name, StringComparer.Ordinal)];

    /// <summary>Reads the definitions, and takes over what runs already (after a restart of safed). First of all calls; touches no port.</summary>
    public async Task LoadAsync()
    {
        System.IO.Directory.CreateDirectory(Options.RunDirectory, (UnixFileMode)0x1c0);
        foreach (var entry in Directory.List().Where(e => e.Kind == EntryKind.Directory))
        {
            if (HostDefinition.Read(Directory, entry.Name, Options.Users) is { } definition)
            {
                hosts[entry.Name] = Make(definition);
            }
            else if (HostName.IsValid(entry.Name))
            {
                await EndSpoiltAsync(entry.Name).ConfigureAwait(false);
            }
        }

        await AllAsync(hosts.Values, async host =>
        {
            try
            {
                await host.AdoptAsync().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                host.Fail(HostFaults.From(e, host.Definition.Name));    // whatever lies in its place, the others open
            }
        }).ConfigureAwait(false);
    }

    /// <summary>
    /// Resumes, all at once, every host that was suspended, and boots those that were running when power went. Completes when each has
    /// its port let through, or waits for its clock, or has failed. Never throws for a host.
    /// </summary>
    /// <param name="stop">Gives up what is not done: what runs by then is left as it can be suspended.</param>
    public async Task<IReadOnlyList<HostOutcome>> ResumeAllAsync(ulong generation, IProgress<HostStep>? progress = null, CancellationToken stop = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, closing.Token);
        var given = either.Token;
        return await AllAsync(hosts.Values.Where(h => h.Definition.Running), async host =>
        {
            try
            {
                var steps = new Steps(host.Definition.Name, progress);
                await (host.Machine is null && !HasState(host, generation)
                    ? host.BootAsync(accounts, steps, given) : host.ResumeAsync(accounts, steps, given)).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                var fault = HostFaults.From(e, host.Definition.Name);
                host.Fail(fault);
                throw fault;
            }
        }).ConfigureAwait(false);
    }

    /// <summary>In the background, of hosts that were taken over: sees to it that their clocks are right, and lets those through that were
    /// still waiting for that.</summary>
    public void SettleAdopted()
    {
        foreach (var host in hosts.Values)
        {
            host.Settle(accounts);
        }
    }

    /// <summary>From here on nothing is started, and no port let through any more.</summary>
    public void Shut() => _ = closing.CancelAsync();     // whoever is woken by it must not hold up who cuts

    /// <summary>Writes dirty guest memory to the volume while the guests run on: when a lease falls silent, or the last member says leave.</summary>
    public Task WriteBackAllAsync() => AllAsync(hosts.Values, h => h.WriteBackAsync());

    /// <summary>Makes a host and starts it.</summary>
    /// <exception cref="FaultException">HostName, HostExists, HostMemory, HostDisk, ImageMissing, ImageDamaged, NoRoom, HostFailed, Closing, BadRequest.</exception>
    public async Task<HostStatus> AddAsync(HostRequest request, IProgress<HostStep>? progress = null)
    {
        HostName.Check(request.Name);
        var steps = new Steps(request.Name, progress);
        VirtualHost host;
        Bundle prepared;
        using (await OneAtATimeAsync().ConfigureAwait(false))
        {
            if (hosts.ContainsKey(request.Name) || Directory.Exists(request.Name))
            {
                throw new FaultException(FaultCodes.HostExists, ("host", request.Name));
            }

            var (image, bundle) = images.Find(request.Image);
            int cpus = request.Cpus == 0 ? bundle.Manifest.Cpus : request.Cpus;
            long memory = request.MemoryBytes == 0 ? bundle.Manifest.MemoryBytes : request.MemoryBytes;
            long disk = request.DiskBytes == 0 ? bundle.Manifest.DiskBytes : request.DiskBytes;
            bool copied = Options.Volume.Exists($"images/{image}-{bundle.Digest[..12]}/{Bundle.ManifestFile}");
            await room.CheckAsync(request.Name, cpus, memory, disk, bundle, copied, MemoryOfAllBut(null)).ConfigureAwait(false);
            try
            {
                prepared = await images.PrepareAsync(image, bundle, cpus, memory, steps).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                throw HostFaults.From(e, request.Name);
            }

            host = Make(new HostDefinition
            {
                Name = request.Name,
                Number = FreeNumber(),
                Image = Path.GetFileName(prepared.Directory),
                Cpus = cpus,
                MemoryBytes = memory,
                DiskBytes = disk,
                Uuid = Guid.NewGuid(),
                MachineId = Guid.NewGuid(),
                Running = true,
                BootedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            });
            closing.Token.ThrowIfCancellationRequested();
            hosts[request.Name] = host;
        }

        try
        {
            await Options.HostsChanged(this).ConfigureAwait(false);
            await host.CreateAsync(prepared, accounts, steps, closing.Token).ConfigureAwait(false);
            await TellNamesAsync().ConfigureAwait(false);
            return host.Status();
        }
        catch (Exception e)
        {
            await ForgetAsync(host).ConfigureAwait(false);
            throw e is OperationCanceledException ? Closing() : HostFaults.From(e, request.Name);
        }
    }

    /// <summary>Starts a host that does not run. <paramref name="cold"/> gives a saved memory image up.</summary>
    /// <exception cref="FaultException">HostUnknown, HostRunning, ImageMismatch, ImageDamaged, HostFailed, Closing.</exception>
    public async Task<HostStatus> StartAsync(string name, bool cold, ulong generation, IProgress<HostStep>? progress = null)
    {
        var host = Find(name);
        if (host.Machine is not null)
        {
            throw new FaultException(FaultCodes.HostRunning, ("host", name));
        }

        if (closing.IsCancellationRequested)
        {
            throw Closing();
        }

        try
        {
            var steps = new Steps(name, progress);
            await (cold || !HasState(host, generation) ? host.BootAsync(accounts, steps, closing.Token) : host.ResumeAsync(accounts, steps, closing.Token))
                .ConfigureAwait(false);
            return host.Status();
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
            throw Closing();    // what runs of it is suspended with the others
        }
        catch (Exception e) when (e is not FaultException { Code: var code } || (code != FaultCodes.HostRunning && code != FaultCodes.HostUnknown))
        {
            // Not one that another request has started, or removed: nothing of that is ours to end.
            var fault = HostFaults.From(e, name);
            if (fault.Code != FaultCodes.ImageMismatch && fault.Code != FaultCodes.ImageDamaged)
            {
                await host.KillAsync().ConfigureAwait(false);
            }

            host.Fail(fault);
            throw fault;
        }
    }

    /// <summary>Powers a host off.</summary>
    /// <exception cref="FaultException">HostUnknown, HostStopped.</exception>
    public async Task StopAsync(string name, IProgress<HostStep>? progress = null)
    {
        var host = Find(name);
        if (host.Machine is null)
        {
            throw new FaultException(FaultCodes.HostStopped, ("host", name));
        }

        using (new Steps(name, progress).Begin("stop"))
        {
            await host.PowerOffAsync(PowerOffLimit).ConfigureAwait(false);
        }
    }

    /// <summary>Ends a host and removes all of it. Team files stay.</summary>
    /// <exception cref="FaultException">HostUnknown.</exception>
    public async Task RemoveAsync(string name, IProgress<HostStep>? progress = null)
    {
        var host = spoilt.ContainsKey(name) ? null : Find(name);
        using (new Steps(name, progress).Begin("remove"))
        {
            await (host is null ? RemoveSpoiltAsync(name) : ForgetAsync(host)).ConfigureAwait(false);
        }

        await Options.HostsChanged(this).ConfigureAwait(false);
        await TellNamesAsync().ConfigureAwait(false);
    }

    /// <summary>Makes and removes accounts in the hosts that run; in the others when they are resumed or started. Complete, replaces.</summary>
    public async Task ApplyRosterAsync(IReadOnlyList<MemberAccount> members)
    {
        accounts = [.. members];
        foreach (var account in accounts.Where(a => !HostName.IsAccount(a)))
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", $"'{account.Name}' ({account.User}) cannot be an account"));
        }

        await AllAsync(hosts.Values.Where(h => h.Machine is not null), h => h.ApplyAccountsAsync(accounts)).ConfigureAwait(false);
    }

    /// <summary>Signs the running hosts' keys anew where that is over a day ago. To be called every few hours.</summary>
    public Task RenewCertificatesAsync() => AllAsync(hosts.Values.Where(h => h.Machine is not null), h => h.RenewCertificateAsync());

    /// <summary>Ends every process of every host at once, whatever becomes of them.</summary>
    public async Task KillAllAsync()
    {
        await closing.CancelAsync().ConfigureAwait(false);
        await AllAsync(hosts.Values, h => h.KillAsync()).ConfigureAwait(false);
    }

    /// <summary>Lets go of the hosts; what runs, runs on.</summary>
    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync().ConfigureAwait(false);
        foreach (var host in hosts.Values)
        {
            await host.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <exception cref="StateMismatchException">A state from the future: somebody put an older header, or another volume's files, in place.</exception>
    private static bool HasState(VirtualHost host, ulong generation) => StateRecord.Find(host.Places) switch
    {
        null => false,
        { } record when record.Generation > generation =>
            throw new StateMismatchException(StateProblem.Mismatch, "generation", $"{record.Generation}", $"{generation}"),
        _ => true,
    };

    private static FaultException Closing() => new(FaultCodes.Closing);

    private static async Task<IReadOnlyList<HostOutcome>> AllAsync(IEnumerable<VirtualHost> hosts, Func<VirtualHost, Task> work) =>
        await Task.WhenAll(hosts.ToArray().Select(async host =>
        {
            var begin = BootClock.Now;
            string name = host.Definition.Name;
            try
            {
                await Task.Run(() => work(host)).ConfigureAwait(false);
                return new HostOutcome(name, true, null, null, BootClock.Now - begin);
            }
            catch (Exception e)
            {
                var fault = HostFaults.From(e, name);
                return new HostOutcome(name, false, fault, fault.Details.GetValueOrDefault("program"), BootClock.Now - begin);
            }
        })).ConfigureAwait(false);

    private VirtualHost Find(string name) =>
        name == HostDefinition.ProxyName ? throw new FaultException(FaultCodes.HostName, ("name", name), ("why", "the safe's own: it comes and goes with the owners' rules"))
        : hosts.TryGetValue(name, out var host) ? host
        : throw (spoilt.TryGetValue(name, out var status) ? HostFaults.Failed(name, status.Note) : new FaultException(FaultCodes.HostUnknown, ("host", name)));

    /// <summary>A number is a user, a MAC and an address: none that anything below hosts/ belongs to, whatever its host.json says.</summary>
    internal int FreeNumber()
    {
        var taken = Directory.List().Select(e => NumberOf(e.Name)).OfType<int>().Concat(hosts.Values.Select(h => h.Definition.Number)).ToHashSet();
        return Enumerable.Range(HostDefinition.FirstNumber, HostDefinition.LastNumber - HostDefinition.FirstNumber + 1).FirstOrDefault(n => !taken.Contains(n)) is var n and > 0
            ? n
            : throw new FaultException(FaultCodes.HostFailed, ("why", "245 hosts are the most a safe has addresses for"));
    }

    private async Task ForgetAsync(VirtualHost host)
    {
        var (name, number) = (host.Definition.Name, host.Definition.Number);
        await host.RemoveAsync(() => TakeAwayAsync(name, number)).ConfigureAwait(false);
        hosts.TryRemove(KeyValuePair.Create(name, host));    // last: until then its name and number are taken
        Removed?.Invoke(number);
    }

    private async Task TakeAwayAsync(string name, int number)
    {
        Failpoint.Reach("remove: ended");
        await Background.Run(() => Directory.RemoveTree(name)).ConfigureAwait(false);
        Failpoint.Reach("remove: files gone");
        string run = Options.RunOf(number);
        if (System.IO.Directory.Exists(run))
        {
            System.IO.Directory.Delete(run, recursive: true);
        }

        await Options.Ports.ForgetAsync(number).ConfigureAwait(false);
        Failpoint.Reach("remove: port gone");
    }

    private async Task<IDisposable> OneAtATimeAsync()
    {
        try
        {
            await adding.WaitAsync(closing.Token).ConfigureAwait(false);
            return new Release(adding);
        }
        catch (OperationCanceledException)
        {
            throw Closing();
        }
    }

    private sealed class Release(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
