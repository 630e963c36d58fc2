using System.Text.Json;
using Safes.Hypervisor.Doctor;

namespace Safes.Hypervisor.Tests.Doctor;

public sealed class Telling
{
    private static readonly Finding[] Some =
    [
        Finding.Good("fscrypt", "kernel 6.12"),
        Finding.Note("device-mapper", "not in this kernel", "not needed"),
        Finding.Should("swap", "/dev/sda3 is plain", "guest memory could reach it", "swapoff -a"),
        Finding.Must("QEMU", "7.2", "too old", "run packaging/tools, which lays QEMU 10 into a directory of its own and leaves the system's packages as they are"),
    ];

    [Fact]
    public void A_line_says_what_why_and_what_to_do()
    {
        Assert.Equal("  ✓ fscrypt          kernel 6.12", Words.Line(Some[0]));
        Assert.Equal("  ! swap             /dev/sda3 is plain: guest memory could reach it     swapoff -a", Words.Line(Some[2]));
        Assert.Equal(
            "  ✗ QEMU             7.2: too old\n                     run packaging/tools, which lays QEMU 10 into a directory of its own and leaves the system's packages as they are",
            Words.Line(Some[3]));
    }

    [Fact]
    public void The_sum_counts_what_must_and_what_should_change_and_says_that_nothing_was()
    {
        Assert.Equal("1 thing must change, 1 should. Nothing was changed.", Words.Sum(Some));
        Assert.Equal("A safe works here; 1 thing should change. Nothing was changed.", Words.Sum(Some[..3]));
        Assert.Equal("Nothing has to change. Nothing was changed.", Words.Sum(Some[..2]));
    }

    [Fact]
    public void The_same_is_told_to_programs()
    {
        using var json = JsonDocument.Parse(DoctorJson.Write(Some));
        Assert.Equal(1, json.RootElement.GetProperty("must").GetInt32());
        Assert.Equal(1, json.RootElement.GetProperty("should").GetInt32());
        var swap = json.RootElement.GetProperty("findings")[2];
        Assert.Equal(["swap", "should", "/dev/sda3 is plain", "guest memory could reach it", "swapoff -a"], swap.EnumerateObject().Select(p => p.Value.GetString()));
    }

    [Fact]
    public async Task A_trial_that_breaks_is_a_finding_too()
    {
        var broken = new Examination("broken", false, (_, _) => throw new IOException("no such thing"));
        var finding = await broken.RunAsync(new Server("/", true, null, ""), TestContext.Current.CancellationToken);
        Assert.Equal(Grade.Must, finding.Grade);
        Assert.Contains("no such thing", finding.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trial_that_needs_root_is_not_made_without()
    {
        var trial = new Examination("trial", true, (_, _) => throw new InvalidOperationException("made"));
        Assert.Equal(Grade.Note, (await trial.RunAsync(new Server("/", false, null, ""), TestContext.Current.CancellationToken)).Grade);
    }

    [Fact]
    public void The_help_has_an_example() =>
        Assert.Contains("Example:\n  safed doctor", DoctorCommand.Create().Description, StringComparison.Ordinal);
}
