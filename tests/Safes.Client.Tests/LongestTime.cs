using Safes.Client.Session;

namespace Safes.Client.Tests;

public sealed class LongestTime
{
    private static readonly TimeSpan Begun = TimeSpan.FromDays(3), Day = TimeSpan.FromHours(24);

    [Fact]
    public void A_day_s_session_warns_half_an_hour_and_five_minutes_before_its_end_and_each_time_once()
    {
        var term = new SessionTerm(Begun, Day);
        var warned = Enumerable.Range(0, (24 * 60) + 1).Select(m => TimeSpan.FromMinutes(m)).Where(m => term.IsWarningDue(Begun + m)).ToArray();
        Assert.Equal([Day - TimeSpan.FromMinutes(30), Day - TimeSpan.FromMinutes(5)], warned);
    }

    [Fact]
    public void Warnings_that_were_slept_through_are_one()
    {
        var term = new SessionTerm(Begun, Day);
        Assert.True(term.IsWarningDue(Begun + Day - TimeSpan.FromMinutes(1)));
        Assert.False(term.IsWarningDue(Begun + Day));
    }

    [Fact]
    public void A_short_session_does_not_begin_with_a_warning()
    {
        Assert.False(new SessionTerm(Begun, TimeSpan.FromMinutes(40)).IsWarningDue(Begun + TimeSpan.FromMinutes(11)));
        Assert.True(new SessionTerm(Begun, TimeSpan.FromMinutes(40)).IsWarningDue(Begun + TimeSpan.FromMinutes(35)));
    }

    [Theory]
    [InlineData(24 * 60, 23 * 60 - 1, false)]
    [InlineData(24 * 60, 23 * 60, true)]
    [InlineData(60, 44, false)]
    [InlineData(60, 45, true)]
    [InlineData(0, 100, false)]
    public void Opening_again_renews_in_the_last_hour_or_of_a_short_session_the_last_quarter(int longest, int passed, bool soon) =>
        Assert.Equal(soon, new SessionTerm(Begun, TimeSpan.FromMinutes(longest)).EndsSoon(Begun + TimeSpan.FromMinutes(passed)));

    [Fact]
    public void What_is_left_never_falls_below_nothing() => Assert.Equal(TimeSpan.Zero, new SessionTerm(Begun, Day).Left(Begun + Day + Day));

    [Fact]
    public void The_warning_says_when_and_what_to_do()
    {
        var now = new DateTimeOffset(new DateTime(2026, 11, 24, 18, 2, 0, DateTimeKind.Local));
        Assert.Equal("this session ends at 18:32, in 30 min; `safe open ledger` again renews it", TermWords.Ends("ledger", TimeSpan.FromMinutes(30), now));
        Assert.Equal("25 Nov 18:02", TermWords.At(now + Day, now));
    }

    [Fact]
    public void The_end_is_told_in_words_that_say_what_is_needed() => Assert.Equal(
        "its longest time has passed; the password is needed again", EndWords.Cause(new SessionEnd("longest-time", "", DateTimeOffset.Now)));
}
