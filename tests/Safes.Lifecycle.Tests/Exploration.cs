using static Safes.Lifecycle.Tests.Samples;

namespace Safes.Lifecycle.Tests;

internal delegate Transition Next(SafeState state, SafeEvent happened, Terms terms);

internal delegate Transition Restart(Findings found, TimeSpan at, Terms terms);

/// <summary>
/// Walks every order of events, effects, failures, hangs and crashes up to a depth, each state of safed and world once, and asks
/// every property at every step. From each place reached it then leaves all alone: the safe must close by itself.
/// </summary>
/// <param name="abandoned">No member does anything any more, and safed may die as often as it likes.</param>
internal sealed class Exploration(Next next, Restart restart, Terms terms, int faults, bool abandoned = false)
{
    private sealed record Place(SafeState State, World World);

    private readonly HashSet<Place> closes = [];

    public int Places { get; private set; }

    public HashSet<string> Broken { get; } = [];

    public string? FirstTrace { get; private set; }

    public Exploration Run(int depth, SafeState from, World world, string? stopAt = null)
    {
        var seen = new HashSet<Place>();
        var start = new Place(from, world);
        seen.Add(start);
        var layer = new List<(Place Place, string[] Trace)> { (start, []) };
        for (int i = 0; i < depth && layer.Count > 0; i++)
        {
            var following = new List<(Place, string[])>();
            foreach (var (place, trace) in layer)
            {
                foreach (var (name, reached) in Actions(place))
                {
                    string[] longer = [.. trace, name];
                    if (reached is null || !seen.Add(reached))
                    {
                        continue;
                    }

                    CheckPlace(reached, longer);
                    following.Add((reached, longer));
                    if (stopAt is not null && Broken.Any(b => b.Contains(stopAt, StringComparison.Ordinal)))
                    {
                        Places = seen.Count;
                        return this;
                    }
                }
            }

            layer = following;
        }

        Places = seen.Count;
        return this;
    }

    private void CheckPlace(Place place, string[] trace)
    {
        foreach (var (name, property) in Properties.OfStates)
        {
            if (property(place.State, place.World, terms) is { } wrong)
            {
                Report(name, wrong, trace);
            }
        }

        LeaveAlone(place, trace);
    }

    private void Report(string property, string wrong, string[] trace)
    {
        if (Broken.Add(property))
        {
            FirstTrace ??= $"{property}: {wrong}\n  {string.Join("\n  ", trace)}";
        }
    }

    /// <summary>16, 17 and the end of 3: with no more faults and nobody there, it closes.</summary>
    private void LeaveAlone(Place place, string[] trace)
    {
        var at = place with { World = place.World with { Held = false } };
        bool rebooting = place.World.Rebooting;
        for (int i = 0, passed = 0; i < 80 && !rebooting; i++)
        {
            if (passed == 0 && !place.World.SafedDead && !at.World.SafedDead && !closes.Add(at))
            {
                return;    // was followed from here before
            }

            if (at.World.SafedDead && passed > 1 && !place.World.SafedDead && !place.World.HeldBySafed)
            {
                Report("17 left alone it needs no guardian", "the guardian had to", trace);
            }

            if (at.World.SafedDead)
            {
                at = StartAgain(at, null);
            }
            else if (!at.World.Plan.IsEmpty)
            {
                at = PerformFirst(at, null);
            }
            else if (at.State is Closed or Unclaimed)
            {
                return;
            }
            else
            {
                at = Pass(at, null);
                passed++;
            }
        }

        if (!rebooting)
        {
            Report("04 16 17 left alone it closes", $"it stays {at.State}", trace);
        }
    }

    private IEnumerable<(string Name, Place? Reached)> Actions(Place p)
    {
        var w = p.World;
        string[] ByName(string name) => [name];
        if (w.Rebooting)
        {
            yield break;
        }

        yield return ("time passes", Pass(p, ByName("time passes")));
        if (w.Held)
        {
            yield return ("the holder lets go", p with { World = w with { Held = false } });
        }
        else if (w.Attached && w.Key == KeyFound.Present && w.Faults < faults)
        {
            yield return ("somebody takes hold", p with { World = w with { Held = true, Faults = w.Faults + 1 } });
        }

        if (w.SafedDead)
        {
            yield return ("safed starts", StartAgain(p, ByName("safed starts")));
            yield break;
        }

        if (!w.Plan.IsEmpty)
        {
            yield return ($"{w.Plan[0].Name} is done", PerformFirst(p, ByName("done")));
            if (w.Faults < faults)
            {
                yield return ($"{w.Plan[0].Name} fails", FailFirst(p));
            }
        }

        if (w.Faults < faults || abandoned)
        {
            yield return ("safed dies", p with
            {
                World = w with { SafedDead = true, HeldBySafed = false, Plan = [], Faults = abandoned ? w.Faults : w.Faults + 1 },
            });
        }

        if (w.Guardian is not null && (w.Faults < faults || abandoned))
        {
            var alone = w with { Guardian = null, GuardianDied = w.Key != KeyFound.Absent, Faults = abandoned ? w.Faults : w.Faults + 1 };
            yield return ("the guardian dies", After(p with { World = alone }, new GuardianLost(S(w.Now))));
            if (abandoned)
            {
                yield return ("both die", p with { World = alone with { SafedDead = true, HeldBySafed = false, Plan = [] } });
            }
        }

        for (int n = 1; n <= 2 && !abandoned; n++)
        {
            var session = Session(n, w.Now + (int)terms.Lease.TotalSeconds);
            if (!Live(p.State, session.Id))
            {
                var proved = p with { World = Answer(w with { Proved = w.Proved.Where(x => x != session.Id).With(session.Id) }, session.Id, w.Now) };
                var opened = After(proved, new OpenRequested(S(w.Now), session));
                yield return ($"{n} opens", opened);
                yield return ($"{n} comes back", After(
                    p with { World = Answer(w, session.Id, w.Now) }, new SessionResumed(S(w.Now), session)));
            }

            yield return ($"{n} leaves", After(p, new SessionEnded(S(w.Now), session.Id)));
            for (int age = 0; age <= 1; age++)
            {
                var answered = Live(p.State, session.Id) ? Answer(w, session.Id, w.Now - age) : w;
                yield return ($"{n} answers a challenge {age} s old", After(
                    p with { World = answered }, new LeaseRenewed(S(w.Now), session.Id, S(w.Now - age) + terms.Lease)));
            }
        }

        yield return ("seal", After(p, new SealRequested(S(w.Now))));
        if (!w.Claimed)
        {
            yield return ("claim", After(p, new ClaimRequested(S(w.Now))));
        }

        if (p.State is Opening { For: Claim })
        {
            if (w.Checked && w.Plan.IsEmpty)
            {
                yield return ("the header is written", After(p with { World = w with { Claimed = true } }, new ClaimEnded(S(w.Now), true)));
            }

            yield return ("the claim is given up", After(p, new ClaimEnded(S(w.Now), false)));
        }
    }

    private static bool Live(SafeState state, SessionId id) =>
        state is Open o && o.Find(id) is not null || state is Opening { For: Work { Opener: var opener } } && opener.Id == id;

    private static World Answer(World w, SessionId session, int sent)
    {
        int before = w.Answered.Where(a => a.Session == session).Select(a => a.Sent).FirstOrDefault(int.MinValue);
        return w with { Answered = w.Answered.Where(a => a.Session != session).With((session, Math.Max(sent, before))) };
    }

    private Place Pass(Place p, string[]? trace)
    {
        var later = p.World with { Now = p.World.Now + 1 };
        var told = later.SafedDead ? p with { World = later } : After(p with { World = later }, new Tick(S(later.Now)), trace);
        var acted = told.World.GuardianActs(terms.Reboots);
        return told with { World = Remember(told.State, acted) };
    }

    private Place StartAgain(Place p, string[]? trace)
    {
        var then = restart(p.World.Findings, S(p.World.Now), terms);
        if (trace is not null && p.World.ClosingShown && then.State is Open)
        {
            Report("14 a restart opens nothing", "closing had begun", trace);
        }

        if (trace is not null && p.State is Opening or Closed or Unclaimed && then.State is Open)
        {
            Report("14 a restart opens nothing", $"it was {p.State}", trace);
        }

        return new Place(then.State, Remember(then.State, p.World with { SafedDead = false, Plan = then.Effects }));
    }

    private Place PerformFirst(Place p, string[]? trace)
    {
        var effect = p.World.Plan[0];
        var w = p.World.Perform(effect) with { Plan = [.. p.World.Plan.Skip(1)] };
        if (effect is LetInside && p.State is Opening { For: Work { Opener: var opener } })
        {
            w = Answer(w, opener.Id, w.Now);    // the opener's lease runs from now
        }

        var at = S(w.Now);
        SafeEvent happened = effect is not VerifyClosed ? new Performed(at, effect)
            : w.Key == KeyFound.Absent && !w.Attached && !w.Hosts ? new FoundClosed(at, w.Claimed)
            : new FoundHeld(at, "held", w.Unseen ? [] : [w.HeldBySafed ? new Holder(1, "safed", "open file", Ours: true) : new Holder(7, "sh", "cwd")]);
        return After(p with { World = w }, happened, trace);
    }

    private Place FailFirst(Place p)
    {
        var effect = p.World.Plan[0];
        var w = p.World with { Plan = effect.GoesOn ? [.. p.World.Plan.Skip(1)] : [], Faults = p.World.Faults + 1 };
        w = effect is AllowDevices ? w with { Allowed = [] } : w;    // a gateway that does not acknowledge is ended, and a new one denies all
        return After(p with { World = w }, new EffectFailed(S(w.Now), effect, "it failed"), []);
    }

    private Place After(Place p, SafeEvent happened, string[]? trace = null)
    {
        var then = next(p.State, happened, terms);
        var step = new Properties.Step(p.State, happened, then);
        foreach (var (name, property) in Properties.OfSteps)
        {
            if (property(step, p.World) is { } wrong)
            {
                Report(name, wrong, [.. trace ?? [], happened.ToString()]);
            }
        }

        var w = p.World with { Plan = then.Abandons ? then.Effects : [.. p.World.Plan, .. then.Effects] };
        return new Place(then.State, Remember(then.State, w));
    }

    private static World Remember(SafeState state, World w)
    {
        if (w.SafedDead)
        {
            return w;
        }

        TimeSpan? end = state switch
        {
            Open { Sessions.IsEmpty: true } => w.LeaseEnd,
            Open o => o.Sessions.Select(s => s.Until).Append(o.Awaited?.Until ?? TimeSpan.Zero).Max(),
            Opening o => o.Until,
            Closing or Faulted => w.LeaseEnd ?? S(w.Now),    // who leaves early makes it no later
            _ => null,
        };
        return state is Closed or Unclaimed ? w with { ClosingShown = false, Answered = [], Proved = [], LeaseEnd = end } : w with { LeaseEnd = end };
    }
}
