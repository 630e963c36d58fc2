using CsCheck;
using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Commands;
using Safes.Hypervisor.Hosts;

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
    public void Nor_can_they_through_what_a_supplier_is_shown() => Gen.Select(Hostile, Hostile).Sample((a, b) =>
    {
        var reply = new StateReply
        {
            Name = a,
            Detail = b,
            Gateway = a,
            Guardian = b,
            Inside = a,
            State = State.Faulted,
            Holders = { new Holder { Member = a, Device = b } },
            Hosts = { new HostCount { Number = 10, State = b } },
            Facts = { new KernelFact { Name = a, Value = b } },
        };
        var shown = new StringWriter { NewLine = "\n" };
        StatusCommand.Show(reply, shown);
        Assert.Equal(7, shown.ToString().Count(c => c == '\n'));
        foreach (var code in FaultCodes.All)
        {
            Explain.To(shown, new FaultException(code, [.. Details.Select((k, i) => (k, i % 2 == 0 ? a : b))]));
        }

        shown.Write(PlainLog.Format(journal: false, Noon, LogLevel.Warning, "trouble", a, new IOException(b)));
        shown.Write(HostFaults.Note(new FaultException(FaultCodes.HostFailed, ("why", a))));
        foreach (var rune in shown.ToString().EnumerateRunes())
        {
            Assert.True(rune.Value is '\n' or '\t' || !Printable.IsHarmful(rune), $"U+{rune.Value:X4}");
        }
    }, iter: 300);

    private static readonly string[] Details = ["what", "why", "detail", "file", "name", "holder", "pid", "tool", "log"];

    private static readonly string[] Bait = ["\u001b[2J", "\u001b]0;x\a", "\u009b31m", "\r\n", "\u202e", "\u200b", "\u00ad", "\ufeff", "\u2028", "\ud800", "\0", "\b", "backup", "\u3164"];

    private static readonly Gen<string> Hostile = Gen.Int[0, Bait.Length - 1].Array[1, 5].Select(all => string.Concat(all.Select(i => Bait[i])));

    [Fact]
    public void In_the_journal_it_is_one_line_with_its_level() => Assert.Equal(
        "<4>trouble: one | two", PlainLog.Format(journal: true, Noon, LogLevel.Warning, "trouble", "one\ntwo", null));
}
