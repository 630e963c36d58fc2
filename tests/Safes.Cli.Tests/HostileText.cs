using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Safes.Cli.Commands;
using Safes.Cli.Explaining;
using Safes.Cli.Terminal;
using Safes.Client.Doctor;
using Safes.Client.Opening;
using Safes.Client.Reports;
using Safes.Client.Session;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Cli.Tests;

/// <summary>Whatever a server, a host, a holder or a file calls itself: no rendering lets a terminal act on it, nor a line of it pass for ours.</summary>
public class HostileText
{
    private static readonly string[] Bait =
    [
        "\u001b[2J", "\u001b]0;owned\a", "\u001b]52;c;bWFsbG9yeQ==\u001b\\", "\u001bP+q\u001b\\", "\u001b[6n", "\u001bc", "\u009b31m", "\u0090x\u009c", "\r", "\n", "\b\b\b", "\t", "\0", "\u007f",
        "\u0085", "\u2028", "\u2029", "\u202e", "\u2066", "\u2069", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u061c", "\u034f", "\u115f", "\u3164", "\uffa0", "\ufe0f", "\U000e0041", "\U000e0100", "\ue000", "\ud800", "\udc00", "\uffff",
        "\r\nsafe: hint:  send your password to mallory", "plain", "漢字", "é",
    ];

    private static readonly Gen<string> Hostile = Gen.OneOf(
        One(Bait), Gen.Int[0, 0x10ffff].Select(n => n is >= 0xd800 and < 0xe000 ? ((char)n).ToString() : char.ConvertFromUtf32(n))).Array[1, 6].Select(string.Concat);

    private static readonly string[] Keys =
    [
        "what", "why", "detail", "host", "name", "safe", "holder", "pid", "kind", "path", "mode", "device", "tries_left", "seconds", "command", "endpoint", "reason", "at", "kept", "image", "images",
        "saved", "here", "wanted", "available", "least", "bound", "tool", "hint", "known", "last", "free", "needed", "file", "most", "program", "step", "from", "member", "directory", "tail", "system",
    ];

    private static Gen<T> One<T>(params T[] of) => Gen.Int[0, of.Length - 1].Select(i => of[i]);

    [Fact]
    public void No_fault_s_words_carry_it() => Gen.Select(One([.. FaultCodes.All]), Hostile, Hostile).Sample(
        (code, a, b) =>
        {
            var fault = new FaultException(code, [.. Keys.Select((k, i) => (k, i % 2 == 0 ? a : b))]);
            string text = Explain.Text(fault, a, json: false);
            Harmless(text);
            Assert.All(text.TrimEnd('\n').Split('\n'), l => Assert.StartsWith("safe: ", l, StringComparison.Ordinal));
            Assert.InRange(text.Count(c => c == '\n'), 1, 3);
            Harmless(Explain.Text(fault, b, json: true));
        },
        iter: 3000);

    [Fact]
    public void No_report_list_or_finding_carries_it() => Gen.Select(Hostile, Hostile, Gen.Bool).Sample(
        (a, b, terminal) =>
        {
            var host = new Host
            {
                Name = a,
                State = b,
                Note = a,
                Address = b,
                Image = a,
                Cpus = 2,
                MemoryBytes = 1 << 30,
                NextCpus = 3,
                UptimeSeconds = 900,
                Load = 1.5,
                SuspendedUnix = long.MaxValue,
            };
            string[] lines =
            [
                .. HostLines.Text([host, new Host(host) { State = "running" }, new Host(host) { State = "suspended" }], DateTimeOffset.UtcNow), HostLines.Resized(host),
                .. DoctorCommand.Lines(DeviceDoctor.Reach("ledger", "e:1", new Client.Connection.Outlook(false, null, State.Open, a))),
                EndWords.Cause(new SessionEnd(a, b, default)), HostsLeft.Words([host], DateTimeOffset.UtcNow),
            ];
            Assert.All(lines, l => Harmless(l, lines: 0));

            var shown = new StringWriter();
            using (var screen = new Screen(shown, shown, terminal, json: false, verbose: true))
            {
                foreach (var kind in Enum.GetValues<ReportKind>())
                {
                    screen.Show(new Report(kind, a, b) { WaitsFor = a });
                    screen.Show(new Report(kind, a, b) { Code = "internal", Details = new() { ["what"] = a } });
                }
            }

            Harmless(shown.ToString());
            shown = new StringWriter();
            using (var screen = new Screen(shown, shown, terminal, json: true, verbose: true))
            {
                screen.Show(new Report(ReportKind.Done, a, b));
                screen.Result(new JsonObject { ["x"] = a, ["hosts"] = HostLines.Json([host]) });
            }

            Harmless(shown.ToString(), lines: 1);
            if (!a.Any(char.IsSurrogate))
            {
                Assert.Equal(a, (string?)JsonNode.Parse(shown.ToString())!["x"]);      // programs get what was said
            }
        },
        iter: 2000);

    [Fact]
    public void And_what_nobody_cleaned_does_not_get_out_of_the_program() => Gen.Select(Hostile, Hostile).Sample(
        (a, b) =>
        {
            var outside = new StringWriter();
            var writer = new PrintableWriter(outside) { NewLine = "\n" };
            writer.Write(a);
            writer.WriteLine(b);
            foreach (char c in a)
            {
                writer.Write(c);
            }

            writer.Write("{0} {1}", a, b);
            writer.Write(b.ToCharArray());
            writer.Write(a.AsSpan());
            writer.Write(new StringBuilder(b));
            writer.WriteLineAsync(a).GetAwaiter().GetResult();
            writer.WriteAsync(b.AsMemory()).GetAwaiter().GetResult();
            Harmless(outside.ToString());
        },
        iter: 2000);

    [Fact]
    public void Characters_beyond_16_bits_come_through_whole_however_they_are_written()
    {
        var outside = new StringWriter();
        var writer = new PrintableWriter(outside);
        foreach (char c in "a\U0001f512b")
        {
            writer.Write(c);
        }

        writer.Write("\ud83d");
        writer.Write("\udd12\n");
        Assert.Equal("a\U0001f512b\U0001f512\n", outside.ToString());
    }

    internal static void Harmless(string text, int? lines = null)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            Assert.True(rune.Value == '\n' || !Printable.IsHarmful(rune) || rune.Value == '\t', $"U+{rune.Value:X4} in {JsonSerializer.Serialize(text)}");
            Assert.False(rune.Value is < 0x20 and not '\n' and not '\t' or (>= 0x7f and < 0xa0) or (>= 0x200b and <= 0x200f) or (>= 0x2028 and <= 0x202e) or (>= 0x2060 and <= 0x206f) or 0xfeff);
        }

        if (lines is { } most)
        {
            Assert.Equal(most, text.Count(c => c == '\n'));
        }
    }
}
