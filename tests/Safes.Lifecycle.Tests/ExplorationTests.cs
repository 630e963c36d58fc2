using static Safes.Lifecycle.Tests.Samples;

namespace Safes.Lifecycle.Tests;

/// <summary>The real state function in every order of things up to a depth; and broken ones, which must be caught.</summary>
public sealed class ExplorationTests
{
    private static Terms Rebooting => Times with { Reboots = true };

    [Theory]
    [InlineData(false, 9)]
    [InlineData(true, 8)]
    public void Every_order_of_events_faults_and_crashes_keeps_the_invariants(bool reboots, int depth)
    {
        var found = new Exploration(SafeLifecycle.Next, SafeLifecycle.Restart, Times with { Reboots = reboots }, faults: 1)
            .Run(depth, new Closed(), new World());
        Assert.True(found.Broken.Count == 0, found.FirstTrace);
        Assert.True(found.Places > 2_000, $"only {found.Places} places");
        TestContext.Current.TestOutputHelper?.WriteLine($"{found.Places} places");
    }

    [Fact]
    public void So_does_a_safe_that_is_open_with_two_and_meets_two_faults()
    {
        var found = new Exploration(SafeLifecycle.Next, SafeLifecycle.Restart, Times, faults: 2).Run(depth: 6, OpenState, OpenWorld);
        Assert.True(found.Broken.Count == 0, found.FirstTrace);
    }

    [Fact]
    public void So_does_a_claim_that_may_fail_anywhere()
    {
        var found = new Exploration(SafeLifecycle.Next, SafeLifecycle.Restart, Times, faults: 2)
            .Run(depth: 8, new Unclaimed(), new World { Claimed = false });
        Assert.True(found.Broken.Count == 0, found.FirstTrace);
    }

    /// <summary>Every second and every effect is a place to die at, for safed, the guardian and both; the deadline is that of the leases there were.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_number_of_restarts_keeps_a_safe_open_that_nobody_comes_back_to(bool reboots)
    {
        var found = new Exploration(SafeLifecycle.Next, SafeLifecycle.Restart, Times with { Reboots = reboots }, faults: 0, abandoned: true)
            .Run(depth: 60, OpenState, OpenWorld);
        Assert.True(found.Broken.Count == 0, found.FirstTrace);
        Assert.True(found.Places > 200, $"only {found.Places} places");
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void The_guardian_ends_a_safed_that_holds_the_volume_itself(bool reboots, bool unseen)
    {
        var found = new Exploration(SafeLifecycle.Next, SafeLifecycle.Restart, Times with { Reboots = reboots }, faults: 0)
            .Run(depth: 12, ClosingState, ClosingWorld with { Held = false, HeldBySafed = true, Unseen = unseen });
        Assert.True(found.Broken.Count == 0, found.FirstTrace);
    }

    public static TheoryData<string> Mutants => [.. Broken.Keys];

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_lifecycle_without_one_of_its_checks_is_caught(string name)
    {
        var (property, next, restart) = Broken[name];
        (SafeState State, World World)[] starts =
        [
            (new Closed(), new World()),
            (OpenState, OpenWorld),
            (ClosingState, ClosingWorld),
            (ClosingState, ClosingWorld with { Held = false, HeldBySafed = true }),
            (ClosingState, ClosingWorld with { Held = false, HeldBySafed = true, Unseen = true }),
        ];
        Assert.Contains(
            from depth in new[] { 3, 5, 8 } from start in starts select (depth, start),    // the shallow ones first: most are caught early
            s => new Exploration(next, restart, Rebooting, faults: 1)
                .Run(s.depth, s.start.State, s.start.World, stopAt: property).Broken.Any(c => c.Contains(property, StringComparison.Ordinal)));
    }

    private static Open OpenState => new([Session(1, 2), Session(2, 2)], null);

    private static World OpenWorld => new()
    {
        Key = KeyFound.Present,
        Attached = true,
        Checked = true,
        Hosts = true,
        Inside = true,
        Allowed = [Device(1), Device(2)],
        Guardian = S(5),
        Guarded = S(5),
        Recorded = [Id(1), Id(2)],
        Proved = [Id(1), Id(2)],
        Answered = [(Id(1), 0), (Id(2), 0)],
        LeaseEnd = S(2),
    };

    private static Closing ClosingState => new(CloseReason.LastLeft, S(3));

    /// <summary>About to lock, with somebody in the way.</summary>
    private static World ClosingWorld => OpenWorld with
    {
        Allowed = [],
        Hosts = false,
        Inside = false,
        Recorded = [],
        Held = true,
        Guardian = S(3),
        Guarded = S(3),
        LeaseEnd = S(0),
        Plan = [new LockVolume(), new VerifyClosed()],
    };

    private static Transition Drop<T>(Transition then)
        where T : Effect => then with { Effects = then.Effects.Where(e => e is not T) };

    /// <summary>Each is the real one with one check removed, and the property that must see it.</summary>
    private static Dictionary<string, (string Property, Next Next, Restart Restart)> Broken { get; } = new()
    {
        ["believes the performer that it is closed"] = ("01", (s, e, t) => (s, e) is (Closing, Performed { Effect: LockVolume })
            ? new(new Closed(), []) : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["opens without a guardian"] = ("02", (s, e, t) => Drop<ArmGuardian>(SafeLifecycle.Next(s, e, t)), SafeLifecycle.Restart),
        ["disarms before it has looked"] = ("02", (s, e, t) => SafeLifecycle.Next(s, e, t) is { State: Closing, Effects.IsEmpty: false } then
            ? then with { Effects = [new DisarmGuardian(), .. then.Effects] } : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["gives the guardian too much time"] = ("03", (s, e, t) =>
        {
            var then = SafeLifecycle.Next(s, e, t);
            return then with
            {
                Effects = [.. then.Effects.Select(x => x switch
                {
                    ArmGuardian a => new ArmGuardian(a.Until + S(4)),
                    SetGuardian a => new SetGuardian(a.Until + S(4)),
                    _ => x,
                })],
            };
        }, SafeLifecycle.Restart),
        ["lets an open cancel closing"] = ("04", (s, e, t) => (s, e) is (Closing, OpenRequested r)
            ? new(new Open([r.Session], null), []) : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["gives closing more time at each request"] = ("04 a request", (s, e, t) => (s, e) is (Closing c, OpenRequested r)
            ? new(c with { Until = r.At + t.Bound }, []) : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["does not try again"] = ("17 left alone", (s, e, t) => s is Faulted { NextTry: not null } && e is Tick ? Transition.Same(s) : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["lets the last one leave without closing"] = ("05", (s, e, t) => (s, e) is (Open { Sessions.Count: 1 } o, SessionEnded)
            ? Transition.Same(o with { Sessions = [] }) : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["counts a lease from the answer"] = ("06", (s, e, t) => e is LeaseRenewed r
            ? SafeLifecycle.Next(s, r with { LeaseUntil = r.At + t.Lease }, t) : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["makes a session of a mere answer"] = ("07", (s, e, t) => (s, e) is (Open o, LeaseRenewed r) && o.Find(r.Session) is null
            ? Transition.Same(o with { Sessions = o.Sessions.With(new Session(r.Session, Device(2), r.LeaseUntil, S(1000))) })
            : SafeLifecycle.Next(s, e, t), SafeLifecycle.Restart),
        ["forgets to cut off who left"] = ("08", (s, e, t) => e is SessionEnded ? Drop<AllowDevices>(SafeLifecycle.Next(s, e, t)) : SafeLifecycle.Next(s, e, t),
            SafeLifecycle.Restart),
        ["resumes hosts before the volume is checked"] = ("10", (s, e, t) =>
        {
            var then = SafeLifecycle.Next(s, e, t);
            return then.State is Opening && !then.Effects.IsEmpty
                ? then with { Effects = [.. then.Effects.OrderBy(x => x is CheckVolume ? 1 : 0)] } : then;
        }, SafeLifecycle.Restart),
        ["takes an unfinished opening for an open safe"] = ("14", SafeLifecycle.Next, (f, at, t) => f.Key == KeyFound.Present
            ? new(new Open([], new Awaited([Kept(1)], at + t.Lease)), [new ArmGuardian(at + t.Lease + t.Bound)]) : SafeLifecycle.Restart(f, at, t)),
        ["waits a whole lease after every restart"] = ("03", SafeLifecycle.Next, (f, at, t) => SafeLifecycle.Restart(f with { GuardedUntil = at + t.Lease + t.Bound }, at, t)),
        ["knows no deadline once both have died"] = ("03", SafeLifecycle.Next, (f, at, t) => f is { GuardedUntil: { } until } && until <= at
            ? SafeLifecycle.Restart(f with { GuardedUntil = at + t.Bound }, at, t) : SafeLifecycle.Restart(f, at, t)),
        ["puts the guardian off while nobody knows who is in the way"] = ("03", (s, e, t) => SafeLifecycle.Next(
            s, e is FoundHeld { Holders.IsEmpty: true } h ? h with { Holders = [new Holder(7, "sh", "cwd")] } : e, t), SafeLifecycle.Restart),
        ["puts the guardian off while safed itself is in the way"] = ("03", (s, e, t) => SafeLifecycle.Next(
            s, e is FoundHeld h ? h with { Holders = [.. h.Holders.Select(x => x with { Ours = false })] } : e, t), SafeLifecycle.Restart),
        ["goes on after a failed step"] = ("16", (s, e, t) => (s, e) is (Opening, EffectFailed) ? Transition.Same(s) : SafeLifecycle.Next(s, e, t),
            SafeLifecycle.Restart),
        ["opens though the opener went away"] = ("16", (s, e, t) => (s, e) is (Opening, SessionEnded) ? Transition.Same(s) : SafeLifecycle.Next(s, e, t),
            SafeLifecycle.Restart),
        ["welcomes sessions while faulted"] = ("17", (s, e, t) => (s, e) is (Faulted, OpenRequested) ? Transition.Same(s) : SafeLifecycle.Next(s, e, t),
            SafeLifecycle.Restart),
        ["leaves the inside up"] = ("17", (s, e, t) => Drop<CutInside>(SafeLifecycle.Next(s, e, t)), SafeLifecycle.Restart),
    };
}
