using static Safes.Lifecycle.Tests.Samples;

namespace Safes.Lifecycle.Tests;

/// <summary>
/// What there is besides safed's state: the kernel, the hosts, the gateway, the guardian, the members, and the rest of the plan.
/// A small stand-in with the same outcomes; every effect may also fail, hang (time passes first) or be cut off by a crash.
/// </summary>
internal sealed record World
{
    public int Now { get; init; }

    public bool Claimed { get; init; } = true;

    public KeyFound Key { get; init; }

    public bool Attached { get; init; }

    /// <summary>Policy and marker were found right since the key came.</summary>
    public bool Checked { get; init; }

    public bool Hosts { get; init; }

    public bool Inside { get; init; }

    public Items<Device> Allowed { get; init; } = [];

    /// <summary>The deadline of a live, armed guardian.</summary>
    public TimeSpan? Guardian { get; init; }

    /// <summary>The deadline that was given last: it stays where both die who knew of it.</summary>
    public TimeSpan? Guarded { get; init; }

    /// <summary>Somebody else has a file of the volume open.</summary>
    public bool Held { get; init; }

    /// <summary>safed itself does: it ends with it.</summary>
    public bool HeldBySafed { get; init; }

    /// <summary>Whoever holds it, nobody can say who it is.</summary>
    public bool Unseen { get; init; }

    public Items<SessionId> Recorded { get; init; } = [];

    public Items<Effect> Plan { get; init; } = [];

    public bool SafedDead { get; init; }

    public bool Rebooting { get; init; }

    // What the observer remembers.

    /// <summary>Sessions whose CK was verified.</summary>
    public Items<SessionId> Proved { get; init; } = [];

    /// <summary>When the last lease ends or ended, or opening has to be over; null while it is closed. Waiting for sessions is no lease.</summary>
    public TimeSpan? LeaseEnd { get; init; }

    /// <summary>Sessions were forgotten because it closes.</summary>
    public bool ClosingShown { get; init; }

    /// <summary>The newest challenge answered was sent then, by session.</summary>
    public Items<(SessionId Session, int Sent)> Answered { get; init; } = [];

    public int Faults { get; init; }

    public bool GuardianDied { get; init; }

    /// <summary>What went wrong while an effect was performed; a property fails on it.</summary>
    public string? Wrong { get; init; }

    public Findings Findings => new(Claimed, Key, Attached, Hosts, Attached && Key == KeyFound.Present ? [.. Recorded.Select(r => new AwaitedSession(r, new Device(r.Value)))] : [], Guarded);

    public World Perform(Effect effect) => effect switch
    {
        AllowDevices e => this with { Allowed = e.Devices },
        AttachVolume => this with { Attached = true },
        ArmGuardian e => Guard(e.Until),
        SetGuardian e => Guardian is not null || Key != KeyFound.Absent ? Guard(e.Until) : this,
        AddKey => this with { Key = KeyFound.Present, Checked = false, Wrong = Guardian is null ? "a key was added with no guardian armed" : Wrong },
        CheckVolume => this with { Checked = true },
        LayOutVolume => this with { Checked = true },
        ResumeHosts => Hosts ? this with { Wrong = "hosts were resumed that run" } : Written() with { Hosts = true },
        LetInside => this with { Inside = true },
        RecordSession e => Written() with { Recorded = Recorded.Where(r => r != e.Session).With(e.Session) },
        ForgetSession e => this with { Recorded = Recorded.Where(r => r != e.Session) },
        ForgetSessions => this with { Recorded = [], ClosingShown = true },
        WriteBack => Written(),
        CutInside => this with { Inside = false },
        SuspendHosts or EndProcesses => this with { Hosts = false },
        LockVolume => Lock(),
        DisarmGuardian => this with { Guardian = null, Guarded = null, Wrong = Key == KeyFound.Absent ? Wrong : "the guardian was disarmed while the key is there" },
        Reboot => this with { Rebooting = true },
        _ => this,
    };

    /// <summary>The guardian acts when its time has come, whatever safed does.</summary>
    public World GuardianActs(bool reboots)
    {
        if (Guardian is not { } until || S(Now) < until)
        {
            return this;
        }

        var after = (this with { Hosts = false, SafedDead = true, HeldBySafed = false, Plan = [] }).Lock();
        return after.Key == KeyFound.Absent ? after with { Guardian = null } : after with { Rebooting = reboots, Guardian = S(Now + 1) };
    }

    private World Guard(TimeSpan until) => this with { Guardian = until, Guarded = until, GuardianDied = false };

    private World Lock() =>
        Key == KeyFound.Absent ? this with { Attached = false, Checked = false }
        : Held || HeldBySafed || Hosts ? this with { Key = KeyFound.Partly }
        : this with { Key = KeyFound.Absent, Attached = false, Checked = false };

    private World Written() => this with { Wrong = Checked ? Wrong : "the volume was written before it was checked" };
}
