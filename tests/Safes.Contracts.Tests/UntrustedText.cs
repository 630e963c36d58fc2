namespace Safes.Contracts.Tests;

public class UntrustedText
{
    [Theory]
    [InlineData("plain äöü 漢字", "plain äöü 漢字")]
    [InlineData("\u001b[2Jgone", "\uFFFD[2Jgone")]
    [InlineData("\u009b31m", "\uFFFD31m")]
    [InlineData("a\nb", "a\uFFFDb")]
    [InlineData("\u202Etxt", "\uFFFDtxt")]
    [InlineData("\u200Bhidden", "\uFFFDhidden")]
    [InlineData("bell\a", "bell\uFFFD")]
    public void What_a_terminal_would_act_on_becomes_a_mark(string given, string shown) => Assert.Equal(shown, Printable.Line(given));

    [Fact]
    public void Consoles_keep_their_lines() => Assert.Equal("a\n\tb\uFFFD[1m", Printable.Text("a\n\tb\u001b[1m"));

    [Fact]
    public void Nothing_is_nothing() => Assert.Equal("", Printable.Line(null));
}
