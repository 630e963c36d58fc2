using Safes.Hypervisor.Guardian;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Effects;

/// <summary>The guardian: there before the key is, and as long as it is.</summary>
public sealed partial class SafeEffects
{
    private readonly Lock gate = new();
    private GuardianClient? guardian;
    private Task<GuardianClient>? pending;
    private readonly KeptDeadline kept = new(parts.Guardian);

    /// <summary>The guardian's process ended by itself.</summary>
    public event Action? GuardianDied;

    public string GuardianState => guardian is { IsAlive: true } g ? $"alive, pid {g.Pid}{(g.IsStrange ? ", of another version or silent" : "")}" : "none";

    /// <summary>Guards what was started since.</summary>
    private Task HoldAsync() => parts.Holding.HoldAsync([]);

    private Task TellGuardianAsync(IReadOnlyList<PidFd> processes) =>
        guardian is { IsAlive: true, IsStrange: false } g ? g.HoldAsync(processes) : Task.CompletedTask;

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

        kept.Write(until);    // first: one that did not reach the file must not reach the guardian, for it may be later
        guardian = await LiveGuardianAsync().ConfigureAwait(false);
        parts.Holding.Tell = TellGuardianAsync;
        await guardian.ArmAsync(new GuardedVolume(Volume.File, Volume.MountPoint, key ?? throw new InvalidOperationException("no key to guard")), until)
            .ConfigureAwait(false);
        await HoldAsync().ConfigureAwait(false);
    }

    private async Task SetGuardianAsync(TimeSpan until, SafeState state)
    {
        if (guardian is { IsAlive: true, IsStrange: false } g)
        {
            // The earlier of two is kept first: whoever begins anew must not wait longer, whichever of the two steps fails.
            bool sooner = until < kept.Read();
            if (sooner)
            {
                kept.Write(until);
            }

            await g.ExtendAsync(until).ConfigureAwait(false);
            if (!sooner)
            {
                kept.Write(until);
            }
        }
        else if (key is not null && Volume.Observe(key).Key is KeyStatus.Present or KeyStatus.IncompletelyRemoved)
        {
            await ArmAsync(until, state).ConfigureAwait(false);
        }
    }

    /// <summary>Takes up the guardian of a safed that was here before, and starts none: its deadline says how long an open safe may still be
    /// waited for, and an armed one must be disarmed when the safe is closed, or it would close the next opening.</summary>
    private async Task FindGuardianAsync()
    {
        if (guardian is not { IsAlive: true } && await GuardianClient.FindAsync(parts.Guardian).ConfigureAwait(false) is { } found)
        {
            Adopt(found);
        }
    }

    private async Task DisarmAsync()
    {
        await FindGuardianAsync().ConfigureAwait(false);
        if (guardian is { IsAlive: true } g && !await g.DisarmAsync().ConfigureAwait(false))
        {
            throw new IOException("the guardian does not see the volume closed");
        }

        key = null;
        kept.Forget();
        Warm();
        _ = LiveGuardianAsync();    // one waits for the next opening, which then need not wait for it
    }

    private Task<GuardianClient> LiveGuardianAsync()
    {
        lock (gate)
        {
            if (guardian is { IsAlive: true, IsStrange: false } alive)
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
        return Adopt(await GuardianClient.StartOrConnectAsync(parts.Guardian).ConfigureAwait(false));
    }

    private GuardianClient Adopt(GuardianClient found)
    {
        found.Died += () => GuardianDied?.Invoke();
        lock (gate)
        {
            if (guardian is { IsStrange: true } before)
            {
                _ = before.DisposeAsync().AsTask();    // its end is no loss
            }

            return guardian = found;
        }
    }

    /// <summary>The earlier one, where guardian and file do not say the same: one was told, and the other not yet.</summary>
    private TimeSpan? GuardedUntil() =>
        (guardian?.FoundUntil, kept.Read()) is ({ } found, { } file) ? (found < file ? found : file) : guardian?.FoundUntil ?? kept.Read();
}
