using Microsoft.Extensions.Logging.Abstractions;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Tests.Daemon;

/// <summary>A daemon over a remembered world, with its clock in the test's hand.</summary>
internal sealed class Desk : IAsyncDisposable
{
    public static readonly Terms Terms = new(
        TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(2), Reboots: false);

    public Desk(Transition? first = null, FakeWorld? world = null)
    {
        World = world ?? new FakeWorld();
        Daemon = new SafeDaemon(
            World, Terms, first ?? new Transition(new Closed(), []), Clock, NullLogger.Instance, grace: TimeSpan.FromMilliseconds(100));
        Daemon.Start();
    }

    public ManualClock Clock { get; } = new();

    public FakeWorld World { get; }

    public SafeDaemon Daemon { get; }

    public static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static SessionId Id(int n) => new(new Guid(n, 0, 0, new byte[8]));

    public static AwaitedSession Kept(int n) => new(Id(n), Device(n));

    public static Device Device(int n) => new(new Guid(n, 1, 0, new byte[8]));

    public Task<Outcome> AskOpenAsync(int n) => Daemon.SubmitAsync(
        at => new OpenRequested(at, new Session(Id(n), Device(n), at + Terms.Lease, at + TimeSpan.FromHours(24))));

    public async Task OpenAsync(int n)
    {
        await AskOpenAsync(n);
        await Daemon.WhenAsync(s => s is Open o && o.Find(Id(n)) is not null, Stop);
        await Daemon.WhenPerformedAsync(Stop);
    }

    public Task<Outcome> LeaveAsync(int n) => Daemon.SubmitAsync(at => new SessionEnded(at, Id(n)));

    public Task<Outcome> TickAsync() => Daemon.SubmitAsync(at => new Tick(at));

    public Task<SafeState> ClosedAsync() => Daemon.WhenAsync(s => s is Closed, Stop);

    public ValueTask DisposeAsync() => Daemon.DisposeAsync();
}
