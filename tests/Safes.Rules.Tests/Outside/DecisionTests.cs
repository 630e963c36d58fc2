using System.Net;
using System.Text.RegularExpressions;
using CsCheck;
using Safes.Rules.Outside;

namespace Safes.Rules.Tests.Outside;

public class DecisionTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    private static readonly Dictionary<string, IPAddress> Hosts = new() { ["build"] = IPAddress.Parse("10.83.17.10"), ["desk"] = IPAddress.Parse("10.83.17.11") };

    private static OutsideRules Rules(params AllowRule[] rules) => OutsideRules.Of(rules.Select((r, i) => new StandingRule(i + 1, r, default, "Anna", default)), Hosts, Now);

    private static AllowRule Allow(string from, string to, int port = 0, string methods = "", long upload = 0, long download = 0, long until = 0) =>
        new(from, to, port, methods.Length == 0 ? [] : methods.Split(','), upload, download, until);

    private static Decision Decide(OutsideRules rules, string url, string method = "GET", long bytes = 0, string host = "build") =>
        rules.Decide(OutsideRequest.Of(host, url, method, bytes));

    [Fact]
    public void Without_rules_nothing_goes() => Assert.Equal(new Decision(Verdict.NoRule, 0, false, 0), Decide(Rules(), "https://git.example.org/"));

    [Fact]
    public void A_rule_is_for_its_host_name_and_ports_alone()
    {
        var rules = Rules(Allow("build", "git.example.org"), Allow("desk", "*.example.org", 8443));
        Assert.Equal(new Decision(Verdict.Allowed, 1, false, 0), Decide(rules, "https://git.example.org/"));
        Assert.Equal(Verdict.Allowed, Decide(rules, "http://GIT.example.org./", "POST", 1 << 30).Verdict);
        Assert.Equal(Verdict.NoRule, Decide(rules, "https://git.example.org:8443/").Verdict);
        Assert.Equal(Verdict.NoRule, Decide(rules, "https://example.org/").Verdict);
        Assert.Equal(Verdict.NoRule, Decide(rules, "https://notgit.example.org/").Verdict);
        Assert.Equal(Verdict.NoRule, Decide(rules, "https://git.example.org/", host: "desk").Verdict);
        Assert.Equal(2, Decide(rules, "https://a.b.example.org:8443/", host: "desk").Rule);
        Assert.Equal(Verdict.NoRule, Decide(rules, "https://example.org:8443/", host: "desk").Verdict);
        Assert.Equal(Verdict.NoRule, Decide(rules, "https://xexample.org:8443/", host: "desk").Verdict);
    }

    [Fact]
    public void A_preset_lets_its_names_be_read()
    {
        var rules = Rules(Allow("*", "@pypi"));
        foreach (string url in (string[])["https://pypi.org/simple/", "https://files.pythonhosted.org/packages/x"])
        {
            Assert.Equal(new Decision(Verdict.Allowed, 1, true, 0), Decide(rules, url));
            Assert.Equal(Verdict.Method, Decide(rules, url, "POST", 1).Verdict);
        }

        Assert.Equal(Verdict.NoRule, Decide(rules, "http://pypi.org/").Verdict);
    }

    [Fact]
    public void What_a_rule_lets_through_is_told_with_what_it_does_not()
    {
        var rules = Rules(Allow("*", "@npm"), Allow("build", "git.example.org", methods: "GET,PUT"), Allow("build", "www.example.org"));
        var audit = Beyond("https://registry.npmjs.org/left-pad")!;
        Assert.Equal(("Rule 1 takes GET, HEAD and no other method; 'npm audit' sends POST.", "safe rule allow build registry.npmjs.org:443 --methods POST"), (audit.What, audit.Command));
        Assert.Equal(new Reason("Rule 2 takes GET, PUT and no other method.", ""), Beyond("https://git.example.org/"));
        Assert.Null(Beyond("https://www.example.org/"));
        Assert.Null(Beyond("https://other.example.org/"));

        // The command does what it says.
        var more = Rules(Allow("*", "@npm"), Allow("build", "registry.npmjs.org", 443, "POST"));
        Assert.Equal(Verdict.Allowed, Decide(more, "https://registry.npmjs.org/-/npm/v1/security/advisories/bulk", "POST").Verdict);
        Assert.Equal(Verdict.Allowed, Decide(more, "https://registry.npmjs.org/left-pad").Verdict);

        Reason? Beyond(string url)
        {
            var request = OutsideRequest.Of("build", url);
            return Reason.Beyond(Decide(rules, url), request, rules);
        }
    }

    [Fact]
    public void One_of_several_rules_suffices_and_its_limits_are_the_most_generous()
    {
        var rules = Rules(Allow("build", "git.example.org", methods: "GET", download: 10), Allow("build", "*.example.org", methods: "POST,GET", upload: 5, download: 20));
        Assert.Equal(new Decision(Verdict.Allowed, 1, true, 20), Decide(rules, "https://git.example.org/"));
        Assert.Equal(new Decision(Verdict.Allowed, 1, true, 10), Decide(rules, "https://git.example.org/", "GET", 6));
        Assert.Equal(new Decision(Verdict.Allowed, 2, true, 20), Decide(rules, "https://git.example.org/", "POST", 5));
        Assert.Equal(new Decision(Verdict.Method, 1, true, 0), Decide(rules, "https://git.example.org/", "POST", 6));
        Assert.Equal(new Decision(Verdict.Upload, 2, true, 0), Decide(rules, "https://www.example.org/", "POST", -1));
        Assert.False(Decide(Rules(Allow("build", "git.example.org", methods: "GET"), Allow("*", "git.example.org")), "https://git.example.org/").Opened);
    }

    [Fact]
    public void A_rule_ends_by_itself_at_its_time()
    {
        long at = Now.ToUnixTimeSeconds();
        Assert.Equal(Verdict.Allowed, Decide(Rules(Allow("build", "git.example.org", until: at + 1)), "https://git.example.org/").Verdict);
        Assert.Equal(new Decision(Verdict.Ended, 1, false, 0), Decide(Rules(Allow("build", "git.example.org", until: at)), "https://git.example.org/"));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(at + 5), Rules(Allow("build", "a.b", until: at + 9), Allow("build", "a.c", until: at + 5), Allow("build", "a.d", until: at - 5), Allow("build", "a.e")).NextEnd);
    }

    [Theory]
    [InlineData("https://127.0.0.1/")]
    [InlineData("http://2130706433/")]
    [InlineData("http://0x7f.1/")]
    [InlineData("http://[::1]:8080/")]
    public void An_address_is_no_name(string url) => Assert.Equal(Verdict.Address, Decide(Rules(Allow("*", "*.example.org")), url).Verdict);

    [Fact]
    public void A_rule_for_a_host_that_is_no_more_lets_nothing_through() =>
        Assert.Equal(Verdict.NoRule, Decide(Rules(Allow("gone", "git.example.org")), "https://git.example.org/", host: "gone").Verdict);

    [Fact]
    public void A_refusal_says_what_decided_and_the_command_that_changes_it()
    {
        var rules = Rules(Allow("build", "git.example.org", 443, "GET,HEAD", upload: 65536));
        var request = OutsideRequest.Of("build", "https://git.example.org/x", "POST", 70000);
        Assert.Equal(
            new Reason("Rule 1 lets build reach git.example.org:443 with GET, HEAD, not with POST.", "safe rule allow build git.example.org:443 --methods POST"),
            Reason.Of(rules.Decide(request), request, rules));
        request = request with { Method = "GET" };
        Assert.Contains("at most 64 KiB", Reason.Of(rules.Decide(request), request, rules)!.What, StringComparison.Ordinal);
        request = request with { Name = "other.example.net" };
        Assert.Equal(
            new Reason("No rule lets build reach other.example.net:443.", "safe rule allow build other.example.net:443"), Reason.Of(rules.Decide(request), request, rules));
    }

    [Fact]
    public void Numbers_are_compared_as_text_as_they_are_as_numbers() => Gen.Select(Gen.Long[0, 2_000_000], Gen.Long[0, 2_000_000], Gen.Int[0, 3]).Sample((limit, number, zeros) =>
    {
        foreach (long n in (long[])[number, limit, limit + 1, Math.Max(0, limit - 1)])
        {
            // POSIX classes are written otherwise in .NET.
            string pattern = Digits.Above(limit).Replace("[[:space:]]", "\\s", StringComparison.Ordinal);
            Assert.Equal(n > limit, Regex.IsMatch(new string('0', zeros) + n, pattern));
        }
    });
}
