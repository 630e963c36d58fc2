using System.Text;
using static Safes.Lifecycle.Tests.Samples;

namespace Safes.Lifecycle.Tests;

/// <summary>Every state with every event, as a committed table: a change of the lifecycle is seen in review.</summary>
public sealed class TableTests
{
    private static readonly Holder Shell = new(4711, "backup", "open file");

    private static IEnumerable<(string Name, SafeState State)> States =>
    [
        ("Unclaimed", new Unclaimed()),
        ("Closed", new Closed()),
        ("Opening for 1", new Opening(new Work(Session(1, 9)), S(9))),
        ("Opening to claim", new Opening(new Claim(), S(9))),
        ("Open by 1", new Open([Session(1, 9)], null)),
        ("Open by 1 and 2", new Open([Session(1, 9), Session(2, 9)], null)),
        ("Open, 1 awaited", new Open([], new Awaited([Kept(1)], S(9)))),
        ("Closing", new Closing(CloseReason.LastLeft, S(9))),
        ("Faulted", new Faulted("held", [Shell], S(9), null)),
        ("Faulted by safed itself", new Faulted("held", [new Holder(815, "safed", "open file", Ours: true)], S(5), null)),
        ("Faulted by nobody known", new Faulted("no answer", [], S(5), null)),
        ("Faulted without a key", new Faulted("no answer", [], S(5), null, KeyGone: true)),
        ("Faulted, trying", new Faulted("held", [Shell], null, S(9))),
    ];

    private static IEnumerable<(string Name, SafeEvent Event)> Events =>
    [
        ("claim", new ClaimRequested(S(5))),
        ("claim recorded", new ClaimEnded(S(5), true)),
        ("claim given up", new ClaimEnded(S(5), false)),
        ("1 opens", new OpenRequested(S(5), Session(1, 7))),
        ("2 opens", new OpenRequested(S(5), Session(2, 7))),
        ("1 comes back", new SessionResumed(S(5), Session(1, 7))),
        ("2 comes back", new SessionResumed(S(5), Session(2, 7))),
        ("1 renews", new LeaseRenewed(S(5), Id(1), S(10))),
        ("1 renews with an old challenge", new LeaseRenewed(S(5), Id(1), S(6))),
        ("1 is silent", new SessionSilent(S(5), Id(1))),
        ("1 leaves", new SessionEnded(S(5), Id(1))),
        ("2 leaves", new SessionEnded(S(5), Id(2))),
        ("seal", new SealRequested(S(5))),
        ("LetInside done", new Performed(S(5), new LetInside())),
        ("AddKey fails", new EffectFailed(S(5), new AddKey(), "wrong")),
        ("ArmGuardian fails", new EffectFailed(S(5), new ArmGuardian(S(9)), "wrong")),
        ("AdoptHosts fails", new EffectFailed(S(5), new AdoptHosts(), "wrong")),
        ("VerifyClosed fails", new EffectFailed(S(5), new VerifyClosed(), "no answer")),
        ("found closed", new FoundClosed(S(5), true)),
        ("found closed, no header", new FoundClosed(S(5), false)),
        ("found held", new FoundHeld(S(5), "held", [Shell])),
        ("found attached, no key", new FoundHeld(S(5), "attached", [], KeyGone: true)),
        ("guardian lost", new GuardianLost(S(5))),
        ("inside lost", new InsideLost(S(5))),
        ("time passes", new Tick(S(5))),
        ("deadline", new Tick(S(9))),
        ("1 renews too late", new LeaseRenewed(S(9), Id(1), S(11))),
        ("1 opens at the deadline", new OpenRequested(S(9), Session(1, 11))),
    ];

    [Fact]
    public void The_table_of_states_and_events_is_the_committed_one()
    {
        string committed = Path.Combine(AppContext.BaseDirectory, "lifecycle.md");
        string table = Print();
        if (Environment.GetEnvironmentVariable("SAFES_WRITE_TABLES") is { Length: > 0 } folder)
        {
            File.WriteAllText(Path.Combine(folder, "lifecycle.md"), table);
        }

        Assert.Equal(File.ReadAllText(committed), table);
    }

    private static string Print()
    {
        var text = new StringBuilder("# States and events\n\nSeconds; lease 2, bound 3, opening 3, retry 1, no reboot. Events come at 5, the last three at 9.\n"
            + "`same`: nothing changes. `!`: what was planned is given up.\n");
        foreach (var (name, state) in States)
        {
            text.Append($"\n## {name}\n\n| event | then | effects |\n|---|---|---|\n");
            foreach (var (what, happened) in Events)
            {
                var then = SafeLifecycle.Next(state, happened, Times);
                string after = then.Refusal is { } r ? $"refused: {r}" : then.State == state ? "same" : Show(then.State);
                text.Append($"| {what} | {after} | {(then.Abandons ? "! " : "")}{string.Join(", ", then.Effects.Select(Show))} |\n");
            }
        }

        return text.ToString();
    }

    private static string Show(SafeState state) => state switch
    {
        Opening o => $"Opening({o.For.GetType().Name}, until {o.Until.TotalSeconds})",
        Open o => $"Open({string.Join(", ", o.Sessions.Select(s => $"{s.Id} until {s.Until.TotalSeconds}{(s.Silent ? " silent" : "")}"))}"
            + $"{(o.Awaited is { } a ? $"awaits [{string.Join(", ", a.Sessions.Select(k => k.Id))}] until {a.Until.TotalSeconds}" : "")})",
        Closing c => $"Closing({c.Why}, until {c.Until.TotalSeconds})",
        Faulted f => $"Faulted({f.What}, {f.Holders.Count} holders, next try {Time(f.NextTry)}, reboot {Time(f.RebootAt)}{(f.KeyGone ? ", no key" : "")})",
        _ => state.GetType().Name,
    };

    private static string Show(Effect effect) => effect switch
    {
        AllowDevices a => $"AllowDevices{a.Devices}",
        ArmGuardian a => $"ArmGuardian({a.Until.TotalSeconds})",
        SetGuardian a => $"SetGuardian({a.Until.TotalSeconds})",
        RecordSession r => $"RecordSession({r.Session})",
        ForgetSession r => $"ForgetSession({r.Session})",
        _ => effect.Name,
    };

    private static string Time(TimeSpan? at) => at is { } t ? $"{t.TotalSeconds}" : "-";
}
