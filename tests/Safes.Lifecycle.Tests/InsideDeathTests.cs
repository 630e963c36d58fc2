using static Safes.Lifecycle.Tests.Samples;

namespace Safes.Lifecycle.Tests;

/// <summary>What becomes of a safe whose inside process ends by itself.</summary>
public sealed class InsideDeathTests
{
    [Fact]
    public void Another_inside_takes_over_and_nobody_s_session_ends()
    {
        var open = new Open([Session(1, 900), Session(2, 900)], null);
        var then = SafeLifecycle.Next(open, new InsideLost(S(5)), Times);
        Assert.Equal([new AdoptHosts(), new LetInside()], then.Effects.ToArray());
        Assert.Equal(open.Sessions, Assert.IsType<Open>(then.State).Sessions);
    }

    [Fact]
    public void The_third_death_of_the_inside_within_a_minute_closes()
    {
        SafeState state = new Open([Session(1, 900)], null);
        foreach (int second in (int[])[5, 30])
        {
            state = SafeLifecycle.Next(state, new InsideLost(S(second)), Times).State;
        }

        Assert.Equal(CloseReason.InsideFailed, Assert.IsType<Closing>(SafeLifecycle.Next(state, new InsideLost(S(64)), Times).State).Why);
    }

    [Fact]
    public void Deaths_that_lie_further_apart_do_not_close_and_are_not_forgotten_by_who_comes_and_goes()
    {
        SafeState state = new Open([Session(1, 900)], null);
        foreach (int second in (int[])[5, 40, 66, 101])
        {
            state = SafeLifecycle.Next(state, new InsideLost(S(second)), Times).State;
            state = SafeLifecycle.Next(state, new OpenRequested(S(second), Session(2, 900)), Times).State;
            state = SafeLifecycle.Next(state, new SessionEnded(S(second), Id(2)), Times).State;
        }

        Assert.Equal(2, Assert.IsType<Open>(state).InsideDeaths.Count);
    }

    [Fact]
    public void An_opening_whose_inside_dies_is_given_up() =>
        Assert.Equal(
            CloseReason.InsideFailed, Assert.IsType<Closing>(SafeLifecycle.Next(new Opening(new Work(Session(1, 9)), S(9)), new InsideLost(S(5)), Times).State).Why);
}
