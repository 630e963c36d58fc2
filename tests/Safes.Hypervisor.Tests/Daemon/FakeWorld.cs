using System.Collections.Concurrent;
using Safes.Hypervisor.Daemon;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Tests.Daemon;

/// <summary>A kernel, hosts, a gateway and a guardian that are only remembered. Every effect can be made to fail or to hang.</summary>
internal sealed class FakeWorld : IEffects
{
    private readonly ConcurrentQueue<Effect> performed = new();

    public bool Key { get; private set; }

    public bool Attached { get; private set; }

    public bool Hosts { get; private set; }

    public bool Claimed { get; set; } = true;

    public TimeSpan? Guardian { get; private set; }

    public Items<Device> Allowed { get; private set; } = [];

    public ConcurrentDictionary<SessionId, bool> Recorded { get; } = new();

    /// <summary>Somebody else's hold on the volume.</summary>
    public Holder? Holder { get; set; }

    public Func<Effect, CancellationToken, Task>? Before { get; set; }

    public TimeSpan Limit { get; set; } = TimeSpan.FromSeconds(20);

    public IReadOnlyList<Effect> Performed => [.. performed];

    public void ForgetPerformed() => performed.Clear();

    public IEnumerable<string> Names => Performed.Select(e => e.Name);

    public TimeSpan LimitOf(Effect effect) => Limit;

    public async Task<EventAt?> PerformAsync(Effect effect, SafeState state, CancellationToken stop)
    {
        if (Before is { } before)
        {
            await before(effect, stop);
        }

        performed.Enqueue(effect);
        switch (effect)
        {
            case AllowDevices e: Allowed = e.Devices; break;
            case AttachVolume: Attached = true; break;
            case ArmGuardian e: Guardian = e.Until; break;
            case SetGuardian e when Guardian is not null: Guardian = e.Until; break;
            case AddKey: Key = true; break;
            case ResumeHosts: Hosts = true; break;
            case RecordSession e: Recorded[e.Session] = true; break;
            case ForgetSession e: Recorded.TryRemove(e.Session, out _); break;
            case ForgetSessions: Recorded.Clear(); break;
            case SuspendHosts or EndProcesses: Hosts = false; break;
            case LockVolume when Holder is null: Key = Attached = false; break;
            case DisarmGuardian: Guardian = null; break;
            case VerifyClosed:
                return Key || Attached || Hosts ? at => new FoundHeld(at, "its key is still in the kernel", Holder is { } h ? [h] : []) : at => new FoundClosed(at, Claimed);
        }

        return null;
    }
}
