namespace Safes.Keys.Tests;

public class PasswordTextTests
{
    [Theory]
    [InlineData("correct horse", "correct horse")]
    [InlineData("\uFB01", "fi")]
    [InlineData("e\u0301", "\u00e9")]
    [InlineData("\u212B", "\u00c5")]
    [InlineData("\uFDFA", "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064a\u0647 \u0648\u0633\u0644\u0645")]
    [InlineData("\U0001F512 pass", "\U0001F512 pass")]
    public void One_password_typed_in_two_ways_is_one_password(string typed, string normal)
    {
        using var password = Secret.Of(typed);
        using var form = PasswordText.Normalise(password);
        Assert.Equal(normal, System.Text.Encoding.UTF8.GetString(Secret.Reveal(form)));
    }

    [Fact]
    public void This_program_has_Unicode_data() => Assert.True(PasswordText.IsSupported);

    [Theory]
    [InlineData("ff")]
    [InlineData("41c3")]
    [InlineData("eda080")]
    public void What_is_not_UTF_8_is_refused(string hex)
    {
        using var password = Secret.FromHex(hex);
        var refused = Assert.Throws<PasswordException>(() => PasswordText.Normalise(password));
        Assert.Equal(PasswordFlaw.NotText, refused.Flaw);
        Assert.Null(refused.InnerException);
    }

    [Theory]
    [InlineData("\u0378")]
    [InlineData("abc\U000E0FFF")]
    public void Code_points_without_a_meaning_yet_are_refused(string typed)
    {
        using var password = Secret.Of(typed);
        Assert.Equal(PasswordFlaw.Unassigned, Assert.Throws<PasswordException>(() => PasswordText.Normalise(password)).Flaw);
    }
}
