using CsCheck;
using Safes.Rules.Outside;

namespace Safes.Rules.Tests.Outside;

public class DestinationTests
{
    [Theory]
    [InlineData("git.example.org", "git.example.org", 0)]
    [InlineData("Git.Example.ORG:443", "git.example.org", 443)]
    [InlineData("*.example.org:8443", "*.example.org", 8443)]
    [InlineData("pypi", "@pypi", 0)]
    [InlineData("@pypi", "@pypi", 0)]
    [InlineData("xn--bcher-kva.example", "xn--bcher-kva.example", 0)]
    [InlineData("4.example.org", "4.example.org", 0)]
    public void What_names_a_name_or_a_preset_is_taken(string text, string name, int port) => Assert.Equal(new Destination(name, port), Destination.Parse(text));

    [Theory]
    [InlineData("", DestinationFlaw.Malformed)]
    [InlineData("a..b", DestinationFlaw.Malformed)]
    [InlineData(".example.org", DestinationFlaw.Malformed)]
    [InlineData("-a.example.org", DestinationFlaw.Malformed)]
    [InlineData("a-.example.org", DestinationFlaw.Malformed)]
    [InlineData("a b.example.org", DestinationFlaw.Malformed)]
    [InlineData("a_b.example.org", DestinationFlaw.Malformed)]
    [InlineData("example.org\n", DestinationFlaw.Malformed)]
    [InlineData("user@example.org", DestinationFlaw.Malformed)]
    [InlineData("git.example.org.", DestinationFlaw.TrailingDot, "git.example.org")]
    [InlineData("*", DestinationFlaw.Wildcard)]
    [InlineData("*.org", DestinationFlaw.Wildcard)]
    [InlineData("*example.org", DestinationFlaw.Wildcard)]
    [InlineData("git.*.org", DestinationFlaw.Wildcard)]
    [InlineData("*.*.example.org", DestinationFlaw.Wildcard)]
    [InlineData("127.0.0.1", DestinationFlaw.Address)]
    [InlineData("127.1", DestinationFlaw.Address)]
    [InlineData("2130706433", DestinationFlaw.Address)]
    [InlineData("0x7f000001", DestinationFlaw.Address)]
    [InlineData("0X7F.1", DestinationFlaw.Address)]
    [InlineData("0x7f.0x1", DestinationFlaw.Address)]
    [InlineData("0177.0.0.01", DestinationFlaw.Address)]
    [InlineData("example.0x", DestinationFlaw.Address)]
    [InlineData("[::1]", DestinationFlaw.Address)]
    [InlineData("[::1]:443", DestinationFlaw.Address)]
    [InlineData("::ffff:127.0.0.1", DestinationFlaw.Address)]
    [InlineData("fe80::1", DestinationFlaw.Address)]
    [InlineData("bücher.example", DestinationFlaw.Foreign, "xn--bcher-kva.example")]
    [InlineData("gіt.example.org", DestinationFlaw.Foreign, "xn--gt-hoc.example.org")]
    [InlineData("git．example．org", DestinationFlaw.Foreign, "git.example.org")]
    [InlineData("git.example.org:0", DestinationFlaw.Port)]
    [InlineData("git.example.org:65536", DestinationFlaw.Port)]
    [InlineData("git.example.org:", DestinationFlaw.Port)]
    [InlineData("git.example.org:+80", DestinationFlaw.Port)]
    [InlineData("git.example.org:080", DestinationFlaw.Port)]
    [InlineData("https://git.example.org/x", DestinationFlaw.Url, "git.example.org:443")]
    [InlineData("localhost", DestinationFlaw.Preset)]
    [InlineData("@rubygems", DestinationFlaw.Preset)]
    public void What_could_be_taken_for_something_else_is_refused_and_what_may_be_meant_is_said(string text, DestinationFlaw flaw, string instead = "")
    {
        var refused = Assert.Throws<DestinationException>(() => Destination.Parse(text));
        Assert.Equal((flaw, instead), (refused.Flaw, refused.Instead));
    }

    [Fact]
    public void Three_hundred_characters_are_too_many_and_so_are_sixty_four_in_a_label()
    {
        Assert.Equal(DestinationFlaw.Long, Assert.Throws<DestinationException>(() => Destination.Parse(string.Join('.', Enumerable.Repeat("abcdefghi", 30)))).Flaw);
        Assert.Equal(DestinationFlaw.Long, Assert.Throws<DestinationException>(() => Destination.Parse(new string('a', 64) + ".org")).Flaw);
        Assert.Equal(new string('a', 63) + ".org", Destination.Parse(new string('a', 63) + ".org").Name);
    }

    [Fact]
    public void What_is_taken_can_stand_in_a_rule_and_in_the_proxys_configuration() => Gen.String[Gen.Char["abz09-.*:@x_\n \"'#é"], 0, 40].Sample(text =>
    {
        Destination taken;
        try
        {
            taken = Destination.Parse(text);
        }
        catch (DestinationException)
        {
            return;
        }

        Assert.True(RuleNames.IsDestination(taken.Name), text);
        Assert.Equal(taken, Destination.Parse(taken.ToString()));
    });

    [Fact]
    public void Every_preset_reads_by_names_that_are_destinations()
    {
        Assert.Equal(["debian", "pypi", "npm", "nuget", "cran", "conda", "crates", "go"], Preset.All.Select(p => p.Name));
        foreach (string name in Preset.All.SelectMany(p => p.Names))
        {
            Assert.Equal(name, Destination.Parse(name).Name);
        }
    }
}
