using Safes.Client.Session;
using Safes.Contracts;

namespace Safes.Client.Tests;

/// <summary>However a session ends, its member is told cause, time and what was kept, in words and not in codes.</summary>
public sealed class WordsOfAnEnd
{
    private static readonly DateTimeOffset At = new(2026, 11, 27, 14, 2, 5, DateTimeOffset.Now.Offset);

    /// <summary>What the server tells, what a session that is taken up again may be answered, and what this side finds out by itself.</summary>
    public static TheoryData<string> Reasons { get; } =
    [
        .. EndReasons.All, SessionEnd.ConnectionLost,
        .. new[]
        {
            FaultCodes.NoSession, FaultCodes.Expired, FaultCodes.UnknownDevice, FaultCodes.Closing, FaultCodes.FilesBusy, FaultCodes.Faulted, FaultCodes.NotOpen, FaultCodes.Unclaimed,
        }.Select(c => c.Code),
    ];

    [Theory]
    [MemberData(nameof(Reasons))]
    public void Each_reason_has_a_cause_in_words_a_time_and_what_was_kept(string reason)
    {
        string text = EndWords.Of("ledger", new SessionEnd(reason, "", At));
        Assert.Matches("your session of 'ledger' ended at 14:02:05: [a-z]+ [a-z]+.*\nsafe: note:  files and hosts are kept", text);
        Assert.DoesNotContain($": {reason}\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void So_has_each_cause_that_the_server_closes_for() => Assert.All(
        EndReasons.Causes,
        cause => Assert.Matches("closed at the server: [a-z']+ [a-z']+", EndWords.Cause(new SessionEnd(EndReasons.Closed, cause, At))));

    [Fact]
    public void What_nobody_knows_is_shown_as_it_is_and_cannot_act_on_the_terminal() =>
        Assert.Equal("tomorrow's reason: \ufffd[2J", EndWords.Cause(new SessionEnd("tomorrow's reason", "\u001b[2J", At)).Replace(Printable.Line("\u001b"), "\ufffd", StringComparison.Ordinal));
}
