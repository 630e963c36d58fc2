using CsCheck;

namespace Safes.Roster.Tests;

public class NamesTests
{
    [Theory]
    [InlineData("anna", "anna")]
    [InlineData("Anna Maria O'Neil", "anna-maria-oneil")]
    [InlineData("root", "m-root")]
    [InlineData("systemd-network", "m-systemd-network")]
    [InlineData("7of9", "m-7of9")]
    [InlineData("\u674e", "member")]
    [InlineData("Zo\u00eb", "zo")]
    [InlineData("a.b__c", "a-b-c")]
    public void An_account_follows_from_a_name(string name, string account) => Assert.Equal(account, Names.Account(name, new HashSet<string>()));

    [Theory]
    [InlineData("ledger", true)]
    [InlineData("trial-7", true)]
    [InlineData("a23456789012345678901234567890b", true)]
    [InlineData("a23456789012345678901234567890bc", false)]
    [InlineData("", false)]
    [InlineData("Ledger", false)]
    [InlineData("ledger.example", false)]
    [InlineData("7seas", false)]
    [InlineData("ledger-", false)]
    [InlineData("xn--ldger-bua", false)]
    [InlineData("ch", false)]
    [InlineData("com", false)]
    [InlineData("local", false)]
    public void A_safe_s_name_is_one_label_under_which_nobody_else_has_names(string name, bool valid) => Assert.Equal(valid, SafeName.IsValid(name));

    [Fact]
    public void Accounts_are_valid_and_never_shared() =>
        Gen.String.Array[1, 20].Sample(names =>
        {
            var taken = new HashSet<string>();
            foreach (string name in names.Concat(["anna", "Anna", "ANNA", new string('x', 60), new string('x', 61)]))
            {
                string account = Names.Account(name, taken);
                Assert.Matches("^[a-z][a-z0-9-]{0,30}$", account);
                Assert.True(taken.Add(account));
            }
        }, iter: 300);

    [Theory]
    [InlineData("")]
    [InlineData(" anna")]
    [InlineData("anna ")]
    [InlineData("-rf")]
    [InlineData("a\u001b[31m")]
    [InlineData("a\u202eb")]
    [InlineData("a\nb")]
    [InlineData("a/b")]
    [InlineData("...")]
    public void Names_that_could_harm_a_terminal_or_a_command_line_are_refused(string name) => Assert.False(Names.IsValid(name));

    [Theory]
    [InlineData("anna")]
    [InlineData("Ana\u00efs O'Brien-Smith 2")]
    [InlineData("\u674e\u5c0f\u9f99")]
    public void Names_of_people_are_accepted(string name) => Assert.True(Names.IsValid(name));
}
