using Safes.Linux;

namespace Safes.Hypervisor.Hosts;

/// <summary>The virtual hosts of an open safe. Made when the volume is mounted, disposed before it is locked: holds nothing on it in between calls.</summary>
public sealed class HostFleet : IAsyncDisposable
{
    public HostFleet(HostFleetOptions options) => Options = options;

    public HostFleetOptions Options { get; }

    /// <summary>Raised when a host's state changed by itself.</summary>
    public event Action<HostStatus>? Changed;

    /// <summary>QEMU and virtiofsd of every host that runs: what the guardian must be able to end.</summary>
    public IReadOnlyList<PidFd> Processes => throw new NotImplementedException();

    /// <summary>All hosts, by name.</summary>
    public IReadOnlyList<HostStatus> Status() => throw new NotImplementedException();

    /// <summary>Reads the definitions, and takes over what runs already (after a restart of safed). First of all calls.</summary>
    public Task LoadAsync() => throw new NotImplementedException();

    /// <summary>
    /// Resumes, all at once, every host that was suspended, and boots those that were running when power went. Completes when each has
    /// its port let through or has failed. Never throws for a host.
    /// </summary>
    public Task<IReadOnlyList<HostOutcome>> ResumeAllAsync(ulong generation, IProgress<HostStep>? progress = null) => throw new NotImplementedException();

    /// <summary>
    /// Suspends, all at once, every host that runs; what cannot be by <paramref name="limit"/> is stopped hard. Cuts their ports first.
    /// Afterwards no process of theirs is left. Never throws for a host.
    /// </summary>
    public Task<IReadOnlyList<HostOutcome>> SuspendAllAsync(ulong generation, TimeSpan limit, IProgress<HostStep>? progress = null) =>
        throw new NotImplementedException();

    /// <summary>Writes dirty guest memory to the volume while the guests run on: when a lease falls silent, or the last member says leave.</summary>
    public Task WriteBackAllAsync() => throw new NotImplementedException();

    /// <summary>Makes a host and starts it.</summary>
    /// <exception cref="Safes.Contracts.FaultException">HostName, HostExists, HostMemory, HostDisk, ImageMissing, ImageDamaged, NoRoom, HostFailed.</exception>
    public Task<HostStatus> AddAsync(HostRequest request, IProgress<HostStep>? progress = null) => throw new NotImplementedException();

    /// <summary>Starts a host that does not run. <paramref name="cold"/> gives a saved memory image up.</summary>
    /// <exception cref="Safes.Contracts.FaultException">HostUnknown, HostRunning, ImageMismatch, ImageDamaged, HostFailed.</exception>
    public Task<HostStatus> StartAsync(string name, bool cold, IProgress<HostStep>? progress = null) => throw new NotImplementedException();

    /// <summary>Powers a host off.</summary>
    /// <exception cref="Safes.Contracts.FaultException">HostUnknown, HostStopped.</exception>
    public Task StopAsync(string name, IProgress<HostStep>? progress = null) => throw new NotImplementedException();

    /// <summary>Ends a host and removes all of it. Team files stay.</summary>
    /// <exception cref="Safes.Contracts.FaultException">HostUnknown.</exception>
    public Task RemoveAsync(string name, IProgress<HostStep>? progress = null) => throw new NotImplementedException();

    /// <summary>The end of a host's console, and with <paramref name="follow"/> what comes then.</summary>
    public IAsyncEnumerable<ReadOnlyMemory<byte>> ReadConsoleAsync(string name, int lastBytes, bool follow, CancellationToken stop) =>
        throw new NotImplementedException();

    /// <summary>Makes and removes accounts in the hosts that run; in the others when they are resumed or started. Complete, replaces.</summary>
    public Task ApplyRosterAsync(IReadOnlyList<MemberAccount> accounts) => throw new NotImplementedException();

    /// <summary>Ends every process of every host at once, whatever becomes of them.</summary>
    public Task KillAllAsync() => throw new NotImplementedException();

    /// <summary>Lets go of the hosts; they run on.</summary>
    public ValueTask DisposeAsync()
    {
        Changed?.Invoke(null!);
        throw new NotImplementedException();
    }
}
