namespace Safes.Lifecycle;

/// <summary>
/// The life of a safe as a pure function: the daemon takes events from its queue one by one, asks here what becomes of them, and
/// performs the effects. "Last" is decided here, when the event is taken.
/// </summary>
public static class SafeLifecycle
{
    /// <summary>So often the inside process may end by itself within <see cref="InsideMinute"/>, and the safe stays open.</summary>
    public const int MostInsideDeaths = 2;

    public static readonly TimeSpan InsideMinute = TimeSpan.FromMinutes(1);

    public static Transition Next(SafeState state, SafeEvent happened, Terms terms)
    {
        // Leases end by themselves: an answer that comes after the deadline finds no session any more.
        var before = Expire(state, happened.At, terms);
        if (before is null)
        {
            return Decide(state, happened, terms);
        }

        var after = Decide(before.State, happened, terms);
        return after.Abandons ? after : after with { Effects = [.. before.Effects, .. after.Effects], Abandons = before.Abandons };
    }

    /// <summary>What safed is in when it starts: what the kernel says, and in doubt Closing.</summary>
    public static Transition Restart(Findings found, TimeSpan at, Terms terms) => found switch
    {
        { Key: KeyFound.Absent, Mounted: false, Processes: false } =>
            new(Rest(found.Claimed), [new AllowDevices([]), new CutInside(), new DisarmGuardian()]),
        { Key: KeyFound.Present, Mounted: true, Claimed: true, Recorded.IsEmpty: false, GuardedUntil: { } guarded } =>
            Await(found.Recorded, guarded - terms.Bound, at, terms),
        _ => Close(CloseReason.FoundUnfinished, Since(found, at, terms), terms),
    };

    /// <summary>The sessions of before may come back for as long as they could have gone on: a safed that is ended again and again would else
    /// keep an open safe that nobody is in.</summary>
    private static Transition Await(Items<AwaitedSession> recorded, TimeSpan lastLease, TimeSpan at, Terms terms)
    {
        var until = Earlier(at + terms.Lease, lastLease);
        return until > at
            ? new(
                new Open([], new Awaited(recorded, until)),
                [new AllowDevices([]), new ArmGuardian(until + terms.Bound), new AdoptHosts(), new LetInside()])
            : Close(CloseReason.NobodyCameBack, until, terms);
    }

    /// <summary>From when closing is counted: its bound was running already, and being started again gives no new one.</summary>
    private static TimeSpan Since(Findings found, TimeSpan at, Terms terms) =>
        found.GuardedUntil is { } guarded ? Earlier(at, guarded - terms.Bound) : at;

    private static TimeSpan Earlier(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static Transition Decide(SafeState state, SafeEvent happened, Terms terms) => (state, happened) switch
    {
        (Unclaimed, ClaimRequested r) => Begin(new Claim(), r.At, terms),
        (Closed, OpenRequested r) => Begin(new Work(r.Session), r.At, terms),

        (Opening { For: Work w }, Performed { Effect: LetInside } p) => Opened(w.Opener, p.At, terms),
        (Opening { For: Claim }, ClaimEnded e) => Close(e.Recorded ? CloseReason.Claimed : CloseReason.OpenerGone, e.At, terms),
        (Opening, EffectFailed f) => Close(CloseReason.OpeningFailed, f.At, terms),
        (Opening, GuardianLost g) => Close(CloseReason.GuardianLost, g.At, terms),
        (Opening { For: Work }, InsideLost l) => Close(CloseReason.InsideFailed, l.At, terms),
        (Opening, SealRequested s) => Close(CloseReason.Sealed, s.At, terms),
        (Opening { For: Work w }, SessionEnded e) when w.Opener.Id == e.Session => Close(CloseReason.OpenerGone, e.At, terms),

        (Open o, OpenRequested r) => Enter(o, r.Session, terms),
        (Open o, SessionResumed r) when o.Find(r.Session.Id) is { } s && s.Device == r.Session.Device => Transition.Same(o),
        // One that has had its longest time is over, also when it passed while safed was away.
        (Open { Awaited: { } a } o, SessionResumed r) when a.Sessions.Any(k => k.Id == r.Session.Id) && r.Session.EndsBy > r.At => Enter(o, r.Session, terms),
        (Open o, LeaseRenewed r) when o.Find(r.Session) is { } s && r.LeaseUntil > s.LeaseUntil => Renew(o, s, r.LeaseUntil, terms),
        (Open o, LeaseRenewed r) when o.Find(r.Session) is not null => Transition.Same(o),
        (Open o, SessionSilent e) when o.Find(e.Session) is { } s => FallSilent(o, s),
        (Open o, SessionEnded e) when o.IsLast(e.Session) => Close(CloseReason.LastLeft, e.At, terms),
        (Open o, SessionEnded e) when o.Find(e.Session) is { } s => Leave(o, s, terms),
        (Open, SealRequested s) => Close(CloseReason.Sealed, s.At, terms),
        (Open o, GuardianLost) => new(o, [new ArmGuardian(Guarded(o, terms))]),
        (Open o, InsideLost l) => LoseInside(o, l.At, terms),
        (Open, EffectFailed { Effect: ArmGuardian } f) => Close(CloseReason.GuardianLost, f.At, terms),
        (Open, EffectFailed { Effect: AdoptHosts or LetInside } f) => Close(CloseReason.AdoptionFailed, f.At, terms),

        (Closing, FoundClosed f) => new(Rest(f.Claimed), [new DisarmGuardian()]),
        (Closing c, FoundHeld f) => Fault(new Faulted(f.What, f.Holders, null, null, f.KeyGone), f.At, c.Until, terms),
        (Closing c, EffectFailed { Effect: VerifyClosed } f) => Fault(new Faulted(f.What, [], null, null), f.At, c.Until, terms),
        (Closing c, GuardianLost) => new(c, [new ArmGuardian(c.Until)]),
        (Closing c, SealRequested) => Transition.Same(c),

        (Faulted, FoundClosed f) => new(Rest(f.Claimed), [new DisarmGuardian()]),
        (Faulted d, FoundHeld f) => Transition.Same(d with { What = f.What, Holders = f.Holders, KeyGone = f.KeyGone, NextTry = f.At + terms.Retry }),
        (Faulted d, EffectFailed { Effect: VerifyClosed } f) =>
            Transition.Same(d with { What = f.What, Holders = [], KeyGone = false, NextTry = f.At + terms.Retry }),
        (Faulted { NextTry: not null } d, SealRequested s) => TryAgain(d, s.At, terms),
        (Faulted d, GuardianLost g) => new(d, [new ArmGuardian(d.RebootAt ?? (MayWait(d) ? g.At + terms.Bound : g.At))]),

        (Unclaimed or Closed or Faulted, SealRequested) => Transition.Same(state),
        (_, Tick or Performed or EffectFailed or GuardianLost or FoundClosed or FoundHeld or SessionSilent or ClaimEnded or InsideLost) => Transition.Same(state),
        _ => Transition.Refused(state, happened),
    };

    /// <summary>What time alone has ended.</summary>
    private static Transition? Expire(SafeState state, TimeSpan at, Terms terms) => state switch
    {
        Opening o when at >= o.Until => Close(CloseReason.OpeningTooSlow, o.Until, terms),
        Open o => ExpireLeases(o, at, terms),
        Closing c when at >= c.Until => Overdue(at, terms),
        Faulted { RebootAt: { } reboot } d when at >= reboot => new(d with { RebootAt = at + terms.Bound }, [new Reboot()]),
        Faulted { NextTry: { } next } d when at >= next => TryAgain(d, at, terms),
        _ => null,
    };

    private static Transition? ExpireLeases(Open open, TimeSpan at, Terms terms)
    {
        var live = open.Sessions.Where(s => s.Until > at);
        var awaited = open.Awaited is { } a && a.Until > at ? a : null;
        if (live == open.Sessions && awaited == open.Awaited)
        {
            return null;
        }

        if (live.IsEmpty && awaited is null)
        {
            var last = open.Sessions.Select(s => s.Until).Append(open.Awaited?.Until ?? TimeSpan.MinValue).Max();
            return Close(open.Sessions.IsEmpty ? CloseReason.NobodyCameBack : CloseReason.LeaseEnded, last, terms);
        }

        var ended = open.Sessions.Where(s => s.Until <= at).Select(s => (Effect)new ForgetSession(s.Id));
        var forgotten = awaited is null && open.Awaited is { } gone ? gone.Sessions.Select(k => (Effect)new ForgetSession(k.Id)) : [];
        return new(open with { Sessions = live, Awaited = awaited }, [Allowed(live), .. ended, .. forgotten]);
    }

    private static Transition Begin(Purpose purpose, TimeSpan at, Terms terms)
    {
        var until = at + terms.Opening;
        Items<Effect> plan = purpose switch
        {
            Claim => [new MakeVolume(), new AttachVolume(), new ArmGuardian(until + terms.Bound), new AddKey(), new LayOutVolume()],
            _ => [new AttachVolume(), new ArmGuardian(until + terms.Bound), new AddKey(), new CheckVolume(), new ResumeHosts(), new LetInside()],
        };
        return new(new Opening(purpose, until), plan);
    }

    private static Transition Opened(Session opener, TimeSpan at, Terms terms)
    {
        var open = new Open([opener with { LeaseUntil = at + terms.Lease }], null);
        return new(open, [new ArmGuardian(Guarded(open, terms)), new RecordSession(opener.Id), Allowed(open.Sessions)]);
    }

    /// <summary>A device has one session: a new one of its own takes the place of every other, also of one that is awaited. What was before a
    /// restart and is the device's own must not keep the safe open when the new one leaves.</summary>
    private static Transition Enter(Open open, Session session, Terms terms)
    {
        var awaited = open.Awaited?.Sessions.Where(k => k.Device != session.Device);
        var replaced = open.Sessions.Select(s => new AwaitedSession(s.Id, s.Device)).Concat(open.Awaited?.Sessions ?? [])
            .Where(k => k.Device == session.Device && k.Id != session.Id);
        var after = open with
        {
            Sessions = open.Sessions.Where(s => s.Device != session.Device).With(session),
            Awaited = awaited is { IsEmpty: false } rest ? open.Awaited! with { Sessions = rest } : null,
        };
        return new(after, [
            new SetGuardian(Guarded(after, terms)), new RecordSession(session.Id), .. replaced.Select(k => (Effect)new ForgetSession(k.Id)),
            Allowed(after.Sessions)]);
    }

    private static Transition Renew(Open open, Session session, TimeSpan leaseUntil, Terms terms)
    {
        var after = open with { Sessions = Replace(open.Sessions, session with { LeaseUntil = leaseUntil, Silent = false }) };
        return new(after, [new SetGuardian(Guarded(after, terms))]);
    }

    /// <summary>Hosts and SSH go on; another inside takes the hosts over. One that ends again and again is no accident.</summary>
    private static Transition LoseInside(Open open, TimeSpan at, Terms terms)
    {
        var deaths = open.InsideDeaths.Where(d => d > at - InsideMinute).With(at);
        return deaths.Count > MostInsideDeaths
            ? Close(CloseReason.InsideFailed, at, terms)
            : new(open with { InsideDeaths = deaths }, [new AdoptHosts(), new LetInside()]);
    }

    private static Transition FallSilent(Open open, Session session)
    {
        var after = open with { Sessions = Replace(open.Sessions, session with { Silent = true }) };
        return new(after, after.Sessions.All(s => s.Silent) ? [new WriteBack()] : []);
    }

    private static Transition Leave(Open open, Session session, Terms terms)
    {
        var after = open with { Sessions = open.Sessions.Where(s => s.Id != session.Id) };
        return new(after, [Allowed(after.Sessions), new ForgetSession(session.Id), new SetGuardian(Guarded(after, terms))]);
    }

    /// <summary>The one way to close, from wherever: what was going on is given up.</summary>
    private static Transition Close(CloseReason why, TimeSpan from, Terms terms) => new(
        new Closing(why, from + terms.Bound),
        [
            new AllowDevices([]), new ForgetSessions(), new CutInside(), new SetGuardian(from + terms.Bound), new SuspendHosts(),
            new EndProcesses(), new LockVolume(), new VerifyClosed(),
        ],
        Abandons: true);

    /// <summary>The bound has passed: whatever hangs is left behind. The guardian's deadline is now, and stays: safed itself may be what
    /// holds the key.</summary>
    private static Transition Overdue(TimeSpan at, Terms terms)
    {
        TimeSpan? reboot = terms.Reboots ? at + terms.Bound : null;
        return new(
            new Faulted("closing took longer than it may", [], null, reboot),
            terms.Reboots ? [new Reboot(), .. Attempt] : Attempt,
            Abandons: true);
    }

    private static Transition Fault(Faulted faulted, TimeSpan at, TimeSpan bound, Terms terms) =>
        Transition.Same(faulted with { NextTry = at + terms.Retry, RebootAt = terms.Reboots ? bound : null });

    private static Transition TryAgain(Faulted faulted, TimeSpan at, Terms terms) => new(
        faulted with { NextTry = null },
        MayWait(faulted) ? [new SetGuardian(faulted.RebootAt ?? at + terms.Bound), .. Attempt] : Attempt);

    /// <summary>While safed lives and tries, the guardian leaves it to it, if its own trying could do no better: the key is gone, or somebody
    /// else holds it. Where safed itself is in the way, or nobody knows who is, only the guardian can end that: its deadline stays.</summary>
    private static bool MayWait(Faulted faulted) => faulted.KeyGone || (!faulted.Holders.IsEmpty && !faulted.Holders.Any(h => h.Ours));

    private static Items<Effect> Attempt { get; } =
        [new AllowDevices([]), new CutInside(), new EndProcesses(), new LockVolume(), new VerifyClosed()];

    private static TimeSpan Guarded(Open open, Terms terms) =>
        open.Sessions.Select(s => s.Until).Append(open.Awaited?.Until ?? TimeSpan.Zero).Max() + terms.Bound;

    private static AllowDevices Allowed(Items<Session> sessions) => new([.. sessions.Select(s => s.Device).Distinct().Order(DeviceOrder)]);

    private static Comparer<Device> DeviceOrder { get; } = Comparer<Device>.Create((a, b) => a.Value.CompareTo(b.Value));

    private static Items<Session> Replace(Items<Session> sessions, Session changed) => [.. sessions.Select(s => s.Id == changed.Id ? changed : s)];

    private static SafeState Rest(bool claimed) => claimed ? new Closed() : new Unclaimed();
}
