namespace Safes.Architecture.Tests;

/// <summary>What systemd does with a safe when nobody looks. Seen with systemd 257: a Requires= of the closing unit closes the safe at every crash of safed.</summary>
public sealed class Units
{
    [Theory]
    [InlineData("Requires=")]
    [InlineData("Requisite=")]
    [InlineData("BindsTo=")]
    [InlineData("PartOf=")]
    public void A_restart_or_a_crash_of_safed_does_not_run_what_closes_the_safe(string tie) =>
        Assert.DoesNotContain(Lines("safes-shutdown@.service"), l => l.StartsWith(tie, StringComparison.Ordinal));

    [Fact]
    public void At_shutdown_the_safe_is_closed_while_safed_still_runs() => Assert.Contains("After=safed@%i.service", Lines("safes-shutdown@.service"));

    [Fact]
    public void Who_enables_safed_enables_closing_at_shutdown()
    {
        Assert.Contains("Also=safes-shutdown@%i.service", Lines("safed@.service"));
        Assert.Contains("WantedBy=safed@%i.service", Lines("safes-shutdown@.service"));
    }

    private static string[] Lines(string unit) => SourceTree.Lines($"packaging/systemd/{unit}");
}
