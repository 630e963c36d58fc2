using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Commands;

namespace Safes.Hypervisor.Tests.Daemon;

public sealed class PlainLogTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_others_say_cannot_act_on_the_terminal_nor_begin_a_line_in_the_log()
    {
        var hostile = new IOException("end\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\r\n12:00:01.000 state: Open -> Closed\u2028x");
        string line = PlainLog.Format(journal: false, Noon, LogLevel.Warning, "trouble", "a guest\u001b[1m", hostile);
        Assert.DoesNotContain(line, c => char.IsControl(c) && c != '\n');
        Assert.DoesNotContain('\u202e', line);
        string[] lines = line.Split('\n');
        Assert.StartsWith("12:00:00.000 trouble: a guest\ufffd[1m | ", lines[0], StringComparison.Ordinal);
        Assert.All(lines[1..], l => Assert.StartsWith("    ", l, StringComparison.Ordinal));
        Assert.True(lines.Length > 1);
    }

    [Fact]
    public void In_the_journal_it_is_one_line_with_its_level() => Assert.Equal(
        "<4>trouble: one | two", PlainLog.Format(journal: true, Noon, LogLevel.Warning, "trouble", "one\ntwo", null));
}
